declare module 'dockerode/lib/container.js' {
  import type Docker from 'dockerode';

  const Container: new (modem: unknown, id: string) => Docker.Container;
  export default Container;
}

declare module 'dockerode/lib/service.js' {
  import type Docker from 'dockerode';

  const Service: new (modem: unknown, id: string) => Docker.Service;
  export default Service;
}
