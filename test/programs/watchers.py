"""Prints what watchdog reports of a directory and below it: `ready`, then as `created new`."""

import sys

from watchdog.events import FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver


class Printer(FileSystemEventHandler):
    def on_any_event(self, event):
        path = getattr(event, "dest_path", "") or event.src_path
        print(event.event_type, path, flush=True)


observer = InotifyObserver()
observer.schedule(Printer(), sys.argv[1], recursive=True)
observer.start()
print("ready", flush=True)
observer.join()
