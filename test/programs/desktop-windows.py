"""Prints the windows of the desktop as JSON: of which program, its title, and all text in it.

With two arguments, a part of a window's title and the name of a button, presses that button.
By AT-SPI, as screen readers see windows: its calls on D-Bus, since libatspi keeps a copy of all
that programs have, and may take a minute of processor time for an index that makes no sense.
"""

import json
import sys

from gi.repository import Gio, GLib

ACCESSIBLE = "org.a11y.atspi.Accessible"
TEXT = "org.a11y.atspi.Text"
ACTION = "org.a11y.atspi.Action"
DESKTOP = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
LIMIT_MS = 5000
MOST = 200


def connect():
    session = Gio.bus_get_sync(Gio.BusType.SESSION)
    bus = ("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
    (address,) = session.call_sync(*bus, None, None, 0, LIMIT_MS, None).unpack()
    flags = (
        Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    )
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


connection = connect()


def call(node, interface, method, *arguments):
    """What a method of a node (a program's name on the bus, a path) answers."""
    values = GLib.Variant(*arguments) if arguments else None
    reply = connection.call_sync(*node, interface, method, values, None, 0, LIMIT_MS, None)
    return reply.unpack()[0] if reply.n_children() else None


def read(node, interface, name):
    names = ("(ss)", (interface, name))
    return call(node, "org.freedesktop.DBus.Properties", "Get", *names)


def children_of(node):
    """What cannot be read, for it went meanwhile or its program is mistaken, is passed over."""
    try:
        count = min(read(node, ACCESSIBLE, "ChildCount"), MOST)
    except GLib.Error:
        return
    for at in range(count):
        try:
            child = call(node, ACCESSIBLE, "GetChildAtIndex", "(i)", (at,))
            role = role_of(child)
        except GLib.Error:
            continue
        if role not in ("menu", "menu bar"):
            yield child


def role_of(node):
    return call(node, ACCESSIBLE, "GetRoleName")


def nodes_in(node):
    yield node
    for child in children_of(node):
        yield from nodes_in(child)


def text_of(node):
    """The content of a text field, or the name of a cell, an icon, a label."""
    try:
        if TEXT in call(node, ACCESSIBLE, "GetInterfaces"):
            text = call(node, TEXT, "GetText", "(ii)", (0, -1))
            if text:
                return text
        return read(node, ACCESSIBLE, "Name")
    except GLib.Error:
        return ""


def windows():
    for program in children_of(DESKTOP):
        for window in children_of(program):
            yield program, window


def press(title, button):
    for _, window in windows():
        if title not in text_of(window):
            continue
        for node in nodes_in(window):
            if text_of(node) == button and role_of(node) == "push button":
                call(node, ACTION, "DoAction", "(i)", (0,))
                return
    sys.exit(f"no button {button} in a window {title}")


if len(sys.argv) == 3:
    press(*sys.argv[1:])
else:
    shown = [
        {
            "program": text_of(program),
            "title": text_of(window),
            "texts": [text for text in map(text_of, nodes_in(window)) if text],
        }
        for program, window in windows()
    ]
    print(json.dumps(shown))
