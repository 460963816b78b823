"""Reads events of OCSF, one JSON object a line, and says what the published schema does not know of them or does not take."""

import json
import sys

from ocsf.v1_7_0.events import DetectionFinding, IncidentFinding
from pydantic import BaseModel, ValidationError

CLASSES = {2004: DetectionFinding, 2005: IncidentFinding}


def unknown(model, path=""):
    """Attributes that the schema has not. What is unmapped is free, as its name says."""
    for name in model.model_extra or {}:
        yield f"{path}{name}: no such attribute"
    for name, field in type(model).model_fields.items():
        alias = field.alias or name
        value = getattr(model, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel) and alias != "unmapped":
                yield from unknown(one, f"{path}{alias}.")


count, wrong = 0, []
for line in sys.stdin:
    event = json.loads(line)
    count += 1
    try:
        wrong += unknown(CLASSES[event["class_uid"]].model_validate(event))
    except ValidationError as error:
        wrong += [f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()]
print(f"{count} events, {len(wrong)} mistakes")
print("\n".join(wrong))
