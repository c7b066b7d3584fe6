/** Who pulls or pushes. */
export interface RegistryAuth {
  readonly serverAddress: string;
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
}
