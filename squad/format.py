"""The fields of SQuAD's JSON, checked one by one, so that an error says where the file is wrong."""


class BadShape(Exception):
    """The message says where in the file, what is wrong, and perhaps how to mend it."""


_KIND_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    bool: "a truth value",
}


def field(node, key, kind, where, form="SQuAD"):
    """``node[key]``, or BadShape if there is none or it is not of that kind.

    Args:
        node: what stands at ``where`` in the file; an object is expected.
        key: the name of the field.
        kind: dict, list, str, int or bool.
        where: for the message, such as ``data[3].paragraphs[0]``.
        form: the format's name, for the message.
    """
    if not isinstance(node, dict):
        raise BadShape(
            "%s: not %s's shape: %s was expected here" % (where, form, _KIND_NAMES[dict])
        )
    if key not in node:
        raise BadShape("%s: no '%s', which %s's format has here" % (where, key, form))
    value = node[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadShape("%s: '%s' is not %s, as in %s" % (where, key, _KIND_NAMES[kind], form))
    return value
