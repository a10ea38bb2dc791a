/** How long the transform of the core took, s. */
export interface TransformTimes {
  /** Loading the compiler. */
  readonly load: number;
  /** The first build, with loading. */
  readonly cold: number;
  /** A build that is in the cache on disk, without loading the compiler. */
  readonly cached: number;
  /** A build after one statement of one file has changed. */
  readonly warm: number;
  readonly files: number;
}
