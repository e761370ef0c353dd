"""Lifecycle policies, read as far as ECR reads them before it accepts one. They are never run."""

import json

RULE_MEMBERS = {"rulePriority", "description", "selection", "action"}
SELECTION_MEMBERS = {"tagStatus", "tagPrefixList", "tagPatternList", "countType", "countUnit",
                     "countNumber", "storageClass"}
DAY_COUNTS = ("sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned")
RULES_LIMIT = 50


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def fault_of(text):
    """Why `text` isn't a lifecycle policy, or None."""
    try:
        document = json.loads(text)
    except ValueError:
        return "not JSON"
    if not isinstance(document, dict) or set(document) != {"rules"}:
        return "object must have the member rules and no other"
    rules = document["rules"]
    if not isinstance(rules, list) or not rules or len(rules) > RULES_LIMIT:
        return f"there must be 1 to {RULES_LIMIT} rules"
    for rule in rules:
        fault = fault_of_rule(rule)
        if fault:
            return fault
    priorities = [rule["rulePriority"] for rule in rules]
    if len(set(priorities)) != len(priorities):
        return "rulePriority must be unique"
    catch_all = [rule["rulePriority"] for rule in rules
                 if rule["selection"]["tagStatus"] == "any"]
    if len(catch_all) > 1 or (catch_all and catch_all[0] != max(priorities)):
        return "a rule with tagStatus any must be the only one and have the highest rulePriority"
    return None


def fault_of_rule(rule):
    if not isinstance(rule, dict) or not set(rule) <= RULE_MEMBERS:
        return "a rule has an unknown member"
    if not is_count(rule.get("rulePriority")):
        return "rulePriority must be a positive integer"
    if not isinstance(rule.get("description", ""), str):
        return "description must be a string"
    action = rule.get("action")
    if not isinstance(action, dict) or action.get("type") not in ("expire", "transition"):
        return "action must have a known type"
    if action["type"] == "expire" and set(action) != {"type"}:
        return "action has an unknown member"
    return fault_of_selection(rule.get("selection"))


def fault_of_selection(selection):
    if not isinstance(selection, dict) or not set(selection) <= SELECTION_MEMBERS:
        return "a selection has an unknown member"
    status = selection.get("tagStatus")
    if status not in ("tagged", "untagged", "any"):
        return "tagStatus must be tagged, untagged or any"
    lists = [name for name in ("tagPrefixList", "tagPatternList") if name in selection]
    if status == "tagged" and len(lists) != 1:
        return "tagStatus tagged needs either tagPrefixList or tagPatternList"
    if status != "tagged" and lists:
        return f"tagStatus {status} takes no {lists[0]}"
    for name in lists:
        values = selection[name]
        if not isinstance(values, list) or not values or not all(
                isinstance(value, str) and value for value in values):
            return f"{name} must be a list of strings"
    if not is_count(selection.get("countNumber")):
        return "countNumber must be a positive integer"
    kind = selection.get("countType")
    if kind in DAY_COUNTS:
        return None if selection.get("countUnit") == "days" else f"{kind} needs countUnit days"
    if kind != "imageCountMoreThan":
        return "countType is not known"
    return "imageCountMoreThan takes no countUnit" if "countUnit" in selection else None
