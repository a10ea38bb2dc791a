/** The compiler of this isolate, and labs over modules of the project or of a user. */
import { type Form, Lab } from '../../src/explore/lab.ts';
import { Host } from '../../src/explore/transform/host.ts';

let host: Host | null = null;

/** The compiler of this isolate. */
export function theHost(): Host {
  // Paths in reports are as seen from where the command was given.
  host ??= new Host(process.cwd());
  return host;
}

/** A lab over sources as they are, or with one text replaced. */
export function labOf(file: string, overlay?: ReadonlyMap<string, string>, races = true): Lab {
  const source = (form: Form) =>
    theHost().build({
      entry: [file],
      dialect: 'explore',
      ...form,
      ...(overlay !== undefined && { overlay }),
    });
  const builds = new Map<string, ReturnType<typeof source>>();
  const cached = (form: Form): ReturnType<typeof source> => {
    const key = `${form.plain} ${form.state}`;
    let build = builds.get(key);
    if (build === undefined) {
      build = source(form);
      builds.set(key, build);
    }
    return build;
  };
  return new Lab(file, cached, { races });
}
