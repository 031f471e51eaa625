#!/usr/bin/env bash
# Makes Text/Tokenization/Unicode/normalization.txt of the Unicode Character Database.
# Usage: eng/make-normalization-table.sh /usr/share/unicode 15.0.0   (Debian: package unicode-data)
set -euo pipefail
ucd=$1
version=$2
output=$(dirname "$0")/../src/Microsoft.ML.Generative/Text/Tokenization/Unicode/normalization.txt

{
    echo "# Normalisation data of the Unicode Character Database $version. Copyright Unicode, Inc.; Unicode License v3, https://www.unicode.org/license.txt"
    echo "# class FIRST LAST: canonical combining classes other than 0"
    awk -F';' '
        function flush() { if (first != "") print class, first, last }
        $4 != 0 {
            code = strtonum("0x" $1)
            if (class == $4 && code == previous + 1) { last = $1 } else { flush(); class = $4; first = last = $1 }
            previous = code
        }
        END { flush() }' "$ucd/UnicodeData.txt"
    echo "# CODE = canonical decomposition, CODE ! one that is not composed again, CODE ~ compatibility decomposition"
    awk -F';' -v exclusions="$ucd/DerivedNormalizationProps.txt" '
        BEGIN {
            while ((getline line < exclusions) > 0) {
                if (line !~ /; Full_Composition_Exclusion/) continue
                split(line, field, /[ ;]+/)
                count = split(field[1], range, /\.\./)
                last = strtonum("0x" range[count])
                for (code = strtonum("0x" range[1]); code <= last; code++) excluded[code] = 1
            }
        }
        $6 != "" {
            kind = "="
            if (strtonum("0x" $1) in excluded) kind = "!"
            if (sub(/^<[^>]*> /, "", $6)) kind = "~"
            print $1, kind, $6
        }' "$ucd/UnicodeData.txt"
} > "$output"
