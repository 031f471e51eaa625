using System.Globalization;
using System.Text;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Reads regular expressions as JSON schemas have them: literals, classes, groups, alternatives, repetitions, and anchors at the ends.
/// They are those of whole texts, whether they have anchors or not.
/// </summary>
internal sealed class PatternReader
{
    private const int MostRepetitions = 1000;
    private const int MostDepth = 100;

    private static readonly ByteSet _digits = ByteSet.Range('0', '9');
    private static readonly ByteSet _word = _digits | ByteSet.Range('a', 'z') | ByteSet.Range('A', 'Z') | ByteSet.Of('_');
    private static readonly ByteSet _space = ByteSet.Of(' ') | ByteSet.Range('\t', '\r');

    private readonly Rune[] _text;
    private int _position;
    private int _depth;

    private PatternReader(string pattern) => _text = [.. pattern.EnumerateRunes()];

    private bool IsAtEnd => _position == _text.Length;

    // 0 at the end, and for what is beyond ASCII.
    private char Current => IsAtEnd || !_text[_position].IsAscii ? '\0' : (char)_text[_position].Value;

    /// <exception cref="NotSupportedException">It has what is not supported, which the message names, or is not well-formed.</exception>
    public static TextPattern Read(string pattern)
    {
        var reader = new PatternReader(pattern);
        TextPattern read = reader.ReadChoice();
        return reader.IsAtEnd ? read : throw Unsupported("a bracket that closes nothing");
    }

    private static NotSupportedException Unsupported(string what) => new($"it has {what}");

    private TextPattern ReadChoice()
    {
        if (++_depth > MostDepth)
            throw Unsupported("too many groups in each other");
        List<TextPattern> options = [];
        do
            options.Add(ReadSequence());
        while (TryTake('|'));
        _depth--;
        return TextPattern.Any(options);
    }

    private TextPattern ReadSequence()
    {
        List<TextPattern> parts = [];
        // Within a group, an anchor holds where the group is at the end.
        if (_depth == 1)
            TryTake('^');
        while (!IsAtEnd && Current is not ('|' or ')'))
        {
            if (_depth == 1 && Current == '$' && (_position + 1 == _text.Length || _text[_position + 1].Value == '|'))
            {
                _position++;
                break;
            }

            parts.Add(ReadRepetition());
        }

        return TextPattern.All([.. parts]);
    }

    private TextPattern ReadRepetition()
    {
        TextPattern part = ReadAtom();
        (int Least, int? Most)? times = Current switch
        {
            '*' => (0, null),
            '+' => (1, null),
            '?' => (0, 1),
            '{' => ReadTimes(),
            _ => null,
        };
        if (times is not var (least, most))
            return part;
        _position++;
        // How much is taken first changes no set of texts.
        TryTake('?');
        if (Current is '*' or '+' or '?' or '{')
            throw Unsupported($"'{Current}' after a repetition");
        return part.Times(least, most);
    }

    // Ends at the closing brace.
    private (int Least, int? Most) ReadTimes()
    {
        int close = Array.FindIndex(_text, _position, rune => rune.Value == '}');
        if (close < 0)
            throw Unsupported("'{' without '}'");
        string[] bounds = string.Concat(_text[(_position + 1)..close]).Split(',');
        _position = close;
        int least = Number(bounds[0]);
        int? most = bounds.Length == 1 ? least : bounds[1].Length == 0 ? null : Number(bounds[1]);
        return bounds.Length <= 2 && !(least > most) ? (least, most) : throw Unsupported("braces that are no repetition");

        static int Number(string text) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= MostRepetitions
            ? number
            : throw Unsupported($"a repetition of '{text}'; expected 0 to {MostRepetitions}");
    }

    private TextPattern ReadAtom()
    {
        switch (Current)
        {
            case '(':
                return ReadGroup();
            case '[':
                return ReadClass();
            case '.':
                _position++;
                return CharacterClass.Dot;
            case '\\':
                var escaped = new CharacterClass();
                return Pattern(escaped, ReadEscape(escaped, out _));
            case '^' or '$' or '*' or '+' or '?' or '{':
                throw Unsupported($"'{Current}' where a character was expected");
            default:
                var literal = new CharacterClass();
                literal.Add(_text[_position], _text[_position]);
                _position++;
                return Pattern(literal, isNegated: false);
        }
    }

    private static TextPattern Pattern(CharacterClass characters, bool isNegated) =>
        characters.ToPattern(isNegated) ?? throw Unsupported("a class without a character that a JSON string may have");

    private TextPattern ReadGroup()
    {
        _position++;
        if (TryTake('?') && !TryTake(':'))
        {
            if (!TryTake('<') || Current is '=' or '!')
                throw Unsupported($"a group '(?{Current}'");
            while (!IsAtEnd && !TryTake('>'))
                _position++;
        }

        TextPattern group = ReadChoice();
        return TryTake(')') ? group : throw Unsupported("a group that is not closed");
    }

    private TextPattern ReadClass()
    {
        _position++;
        bool isNegated = TryTake('^');
        var characters = new CharacterClass();
        while (!TryTake(']'))
        {
            if (IsAtEnd)
                throw Unsupported("a class that is not closed");
            if (ReadClassMember(characters) is not { } first)
                continue;
            Rune last = first;
            if (Current == '-' && _position + 1 < _text.Length && _text[_position + 1].Value != ']')
            {
                _position++;
                last = ReadClassMember(characters) ?? throw Unsupported("a range that ends with a class");
            }

            if (last < first)
                throw Unsupported($"the range {first}-{last}");
            characters.Add(first, last);
        }

        return Pattern(characters, isNegated);
    }

    // A character, or null for a class of an escape, which is added.
    private Rune? ReadClassMember(CharacterClass characters)
    {
        if (Current != '\\')
            return _text[_position++];
        if (ReadEscape(characters, out Rune? single))
            throw Unsupported("an escape for all other characters within a class");
        return single;
    }

    // Adds the characters, and returns whether they are the ones that are left out.
    private bool ReadEscape(CharacterClass characters, out Rune? single)
    {
        _position++;
        char kind = Current;
        if (IsAtEnd)
            throw Unsupported("a backslash at its end");
        single = null;
        switch (kind)
        {
            case 'd' or 'D':
                characters.Add(_digits);
                break;
            case 'w' or 'W':
                characters.Add(_word);
                break;
            case 's' or 'S':
                characters.Add(_space);
                break;
            default:
                single = ReadEscapedCharacter(kind);
                characters.Add(single.Value, single.Value);
                break;
        }

        _position++;
        return kind is 'D' or 'W' or 'S';
    }

    // Ends at its last character.
    private Rune ReadEscapedCharacter(char kind)
    {
        switch (kind)
        {
            case 'n':
                return new Rune('\n');
            case 'r':
                return new Rune('\r');
            case 't':
                return new Rune('\t');
            case 'x' or 'u':
                int digits = kind == 'x' ? 2 : 4;
                string code = string.Concat(_text.Skip(_position + 1).Take(digits));
                _position += digits;
                return code.Length == digits
                    && int.TryParse(code, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                    && Rune.IsValid(value) ? new Rune(value) : throw Unsupported($"the escape '\\{kind}{code}'");
            default:
                return char.IsAsciiLetterOrDigit(kind) ? throw Unsupported($"the escape '\\{kind}'") : _text[_position];
        }
    }

    private bool TryTake(char wanted)
    {
        if (Current != wanted || IsAtEnd)
            return false;
        _position++;
        return true;
    }
}
