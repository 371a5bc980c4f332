"""Prints the windows of the desktop as JSON: of which program, its title, and all text in it.

With two arguments, a part of a window's title and the name of a button, presses that button.
By AT-SPI, as screen readers see windows. Started anew each time, for it caches what it has seen.
"""

import json
import sys
import warnings

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

warnings.simplefilter("ignore")
MOST = 200


def children_of(node):
    """What cannot be read, for it went meanwhile or its program is mistaken, is passed over."""
    try:
        count = min(node.get_child_count(), MOST)
    except GLib.Error:
        return
    for at in range(count):
        try:
            child = node.get_child_at_index(at)
            role = child and child.get_role_name()
        except GLib.Error:
            continue
        if child and role not in ("menu", "menu bar"):
            yield child


def nodes_in(node):
    yield node
    for child in children_of(node):
        yield from nodes_in(child)


def text_of(node):
    """The content of a text field, or the name of a cell, an icon, a label."""
    try:
        if node.get_text_iface():
            text = Atspi.Text.get_text(node, 0, Atspi.Text.get_character_count(node))
            if text:
                return text
        return node.get_name()
    except GLib.Error:
        return ""


def windows():
    for program in children_of(Atspi.get_desktop(0)):
        for window in children_of(program):
            yield program, window


def press(title, button):
    for _, window in windows():
        if title not in text_of(window):
            continue
        for node in nodes_in(window):
            if node.get_role_name() == "push button" and text_of(node) == button:
                Atspi.Action.do_action(node, 0)
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
