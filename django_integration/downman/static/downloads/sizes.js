"use strict";
/** A number of bytes as people read it; the same rule as in downman/domain/sizes.py, and a test compares them. */
function sizeInWords(bytes, language) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0, shown = 0, digits = 0;
  for (; ; unit += 1) {
    shown = Math.round(bytes * 10) / 10;
    digits = unit === 0 || shown >= 100 ? 0 : 1;
    if (digits === 0) shown = Math.round(bytes);
    // What rounds up to a thousand is one of the next unit.
    if (shown < 1000 || unit === units.length - 1) break;
    bytes /= 1000;
  }
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
  return `${new Intl.NumberFormat(language, format).format(shown)}\u00a0${units[unit]}`;
}
