"""How the simulator's pages look: their only asset."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #596078; --line: #dfe3ec; --ground: #f5f6fa; --card: #fff;
  --accent: #4f46e5; --on-accent: #fff; --bad: #b42318; --bad-ground: #fef3f2; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef6; --soft: #a5abc0; --line: #343a50; --ground: #14171f;
  --card: #1d212d; --accent: #8b87ff; --on-accent: #14171f; --bad: #ff9d92; --bad-ground: #3a1d1b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 440px; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 32px; overflow-wrap: anywhere; }
.test { display: inline-block; margin: 0 0 16px; padding: 0 8px; border: 1px solid var(--line); border-radius: 6px;
  color: var(--soft); font-size: 12px; line-height: 24px; }
h1 { margin: 0; font-size: 16px; font-weight: 600; }
.amount { margin: 4px 0 24px; font-size: 32px; line-height: 1.25; font-weight: 650; }
.amount, td { font-variant-numeric: tabular-nums; }
table { width: 100%; margin: 0 0 24px; border-collapse: collapse; }
th, td { padding: 8px 0; border-top: 1px solid var(--line); text-align: left; font-weight: 400; vertical-align: top; }
td { padding-left: 16px; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th small { display: block; color: var(--soft); font-size: 14px; }
tfoot th, tfoot td { font-weight: 650; }
form { display: grid; gap: 8px; }
button, .button { display: block; width: 100%; padding: 12px 16px; border: 1px solid var(--line); border-radius: 6px;
  background: transparent; color: inherit; font: inherit; text-align: center; text-decoration: none; cursor: pointer; }
button.first, .button.first { border-color: var(--accent); background: var(--accent); color: var(--on-accent);
  font-weight: 600; }
button:focus-visible, .button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.alert { margin: 0 0 16px; padding: 12px 16px; border-radius: 6px; background: var(--bad-ground); color: var(--bad); }
.note { margin: 16px 0 0; color: var(--soft); font-size: 14px; }
"""


def policy_hash(text: str) -> str:
    """As a content security policy names an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


STYLE_HASH = policy_hash(STYLE)
