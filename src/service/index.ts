/**
 * service: the unit of the user's systemd that mounts a store at log-in: written, removed, asked,
 * and what its server says to systemd. How a mount is served does not enter.
 */
export {
  installService,
  notifyReady,
  removeService,
  type ServiceStatus,
  serviceStatus,
} from './service.ts';
export { installedMountpoint } from './unit.ts';
