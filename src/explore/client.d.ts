/** Types of `import ... from './module?explore'`, for `"types": ["latchlab/explore/client"]` in a tsconfig.json. */
declare module '*?explore' {
  // What is exported is known to the plugin only.
  const exports: any;
  export = exports;
}
