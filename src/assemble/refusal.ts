/** An instruction that can't be carried out, as a build would fail; where it stands is added by `assembleStage`. */
export class Refusal extends Error {
  constructor(message: string, readonly advice?: string) {
    super(message);
    this.name = 'Refusal';
  }
}

/** Something that is valid and only an engine's builder does; where it stands is added by `assembleStage`. */
export class BuilderOnly extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BuilderOnly';
  }
}
