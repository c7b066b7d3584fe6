/** An image's configuration as the OCI image spec and Docker have it: the JSON whose digest is the image's id. */
export interface OciConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly author?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly config: RunConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly history: readonly History[];
}

/** What a container is started with; members that are not set are absent. */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Shell?: readonly string[];
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly ArgsEscaped?: boolean;
}

/** Durations in nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface History {
  readonly created?: string;
  readonly created_by?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly empty_layer?: boolean;
}
