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


def field(node, key, kind, where):
    """``node[key]``, or BadShape if there is none or it is not of that kind.

    Args:
        node: what stands at ``where`` in the file; an object is expected.
        key: the name of the field.
        kind: dict, list, str, int or bool.
        where: for the message, such as ``data[3].paragraphs[0]``.
    """
    if not isinstance(node, dict):
        raise BadShape("%s: not SQuAD's shape: %s was expected here" % (where, _KIND_NAMES[dict]))
    if key not in node:
        raise BadShape("%s: no '%s', which SQuAD's format has here" % (where, key))
    value = node[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadShape("%s: '%s' is not %s, as in SQuAD" % (where, key, _KIND_NAMES[kind]))
    return value
