using System.Globalization;
using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

internal enum JinjaTokenKind
{
    Text,
    BeginOutput,
    EndOutput,
    BeginStatement,
    EndStatement,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <param name="Kind">The kind.</param>
/// <param name="Value">The text, name, operator, or the digits of a number.</param>
/// <param name="Line">The line, from 1.</param>
internal readonly record struct JinjaToken(JinjaTokenKind Kind, string Value, int Line);

/// <summary>
/// Cuts a template into tokens, with the settings of Hugging Face's templates: the line break after a statement and the blanks before one
/// that begins a line are left out (<c>trim_blocks</c> and <c>lstrip_blocks</c>).
/// </summary>
internal sealed class JinjaLexer
{
    // Longest first.
    private static readonly string[] _operators =
    [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",",
        ";",
    ];

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private readonly Stack<char> _braces = new();
    private int _position;
    private int _counted;
    private int _line = 1;

    private JinjaLexer(string source) => _source = source;

    /// <exception cref="JinjaException">The template is not valid.</exception>
    public static List<JinjaToken> Read(string template)
    {
        string source = template.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        return new JinjaLexer(source.EndsWith('\n') ? source[..^1] : source).Read();
    }

    private List<JinjaToken> Read()
    {
        bool startsLine = true;
        while (_position < _source.Length)
        {
            int begin = NextTag();
            if (begin < 0)
            {
                Add(JinjaTokenKind.Text, _source[_position..], _source.Length);
                break;
            }

            char kind = _source[begin + 1];
            char sign = begin + 2 < _source.Length ? _source[begin + 2] : '\0';
            AddText(_source[_position..begin], kind, sign, startsLine);
            Advance(begin + (sign is '-' or '+' ? 3 : 2));
            switch (kind)
            {
                case '#':
                    Comment();
                    break;
                case '{':
                    Inside(JinjaTokenKind.BeginOutput, JinjaTokenKind.EndOutput, "}}");
                    break;
                case '%' when RawEnd(begin) is { } afterRaw:
                    Raw(afterRaw);
                    break;
                default:
                    Inside(JinjaTokenKind.BeginStatement, JinjaTokenKind.EndStatement, "%}");
                    break;
            }

            startsLine = _source[_position - 1] == '\n';
        }

        Add(JinjaTokenKind.End, "", _source.Length);
        return _tokens;
    }

    private int NextTag()
    {
        for (int i = _position; (i = _source.IndexOf('{', i)) >= 0 && i + 1 < _source.Length; i++)
        {
            if (_source[i + 1] is '{' or '%' or '#')
                return i;
        }

        return -1;
    }

    private void AddText(string text, char kind, char sign, bool startsLine)
    {
        if (sign == '-')
        {
            text = text[..(text.AsSpan().LastIndexOfAnyExcept(JinjaStrings.Whitespace) + 1)];
        }
        else if (sign != '+' && kind != '{')
        {
            int line = text.LastIndexOf('\n') + 1;
            if ((line > 0 || startsLine) && text.AsSpan(line).IndexOfAnyExcept(JinjaStrings.Whitespace) < 0)
                text = text[..line];
        }

        if (text.Length > 0)
            _tokens.Add(new JinjaToken(JinjaTokenKind.Text, text, _line));
    }

    private void Comment()
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
            throw new JinjaException("a comment does not end", _line);
        AfterTag(end, trimsLine: true);
    }

    // Goes behind an end of two characters, and what its sign before it or the settings leave out.
    private void AfterTag(int end, bool trimsLine)
    {
        char sign = end > _position ? _source[end - 1] : '\0';
        int next = end + 2;
        if (sign == '-')
        {
            while (next < _source.Length && JinjaStrings.IsSpace(_source[next]))
                next++;
        }
        else if (trimsLine && sign != '+' && next < _source.Length && _source[next] == '\n')
        {
            next++;
        }

        Advance(next);
    }

    // Where the content of {% raw %} begins, if this is one.
    private int? RawEnd(int begin)
    {
        int i = SkipSpace(_position);
        if (!IsWord(i, "raw"))
            return null;
        i = SkipSpace(i + 3);
        bool trims = i < _source.Length && _source[i] == '-';
        i += trims ? 1 : 0;
        if (string.CompareOrdinal(_source, i, "%}", 0, 2) != 0)
            return null;
        return trims ? SkipSpace(i + 2) : i + 2;
    }

    private void Raw(int start)
    {
        Advance(start);
        for (int i = start; (i = _source.IndexOf("{%", i, StringComparison.Ordinal)) >= 0; i += 2)
        {
            char sign = i + 2 < _source.Length ? _source[i + 2] : '\0';
            int word = SkipSpace(i + (sign is '-' or '+' ? 3 : 2));
            if (!IsWord(word, "endraw"))
                continue;
            int end = SkipSpace(word + 6);
            if (end < _source.Length && _source[end] is '-' or '+')
                end++;
            if (string.CompareOrdinal(_source, end, "%}", 0, 2) != 0)
                continue;
            AddText(_source[start..i], '%', sign, startsLine: false);
            Advance(word + 6);
            AfterTag(end, trimsLine: true);
            return;
        }

        throw new JinjaException("'raw' without its 'endraw'", _line);
    }

    private bool IsWord(int position, string word) =>
        string.CompareOrdinal(_source, position, word, 0, word.Length) == 0
        && (position + word.Length >= _source.Length || !IsNamePart(_source[position + word.Length]));

    private int SkipSpace(int position)
    {
        while (position < _source.Length && JinjaStrings.IsSpace(_source[position]))
            position++;
        return position;
    }

    private void Inside(JinjaTokenKind begin, JinjaTokenKind end, string close)
    {
        _tokens.Add(new JinjaToken(begin, "", _line));
        _braces.Clear();
        while (true)
        {
            Advance(SkipSpace(_position));
            if (_position >= _source.Length)
                throw new JinjaException($"a tag does not end: '{close}' is missing", _line);
            if (_braces.Count == 0 && CloseAt(close) is { } at)
            {
                _tokens.Add(new JinjaToken(end, "", _line));
                AfterTag(at, trimsLine: close == "%}");
                return;
            }

            char c = _source[_position];
            if (char.IsAsciiDigit(c))
                Number();
            else if (IsNamePart(c))
                Name();
            else if (c is '\'' or '"')
                String(c);
            else
                Operator();
        }
    }

    // A closing tag here, perhaps with a sign before it.
    private int? CloseAt(string close)
    {
        int at = _source[_position] == '-' || (_source[_position] == '+' && close == "%}") ? _position + 1 : _position;
        return string.CompareOrdinal(_source, at, close, 0, 2) == 0 ? at : null;
    }

    private void Name()
    {
        int end = _position;
        while (end < _source.Length && IsNamePart(_source[end]))
            end++;
        Add(JinjaTokenKind.Name, _source[_position..end], end);
    }

    private void Number()
    {
        int radix = _source[_position] == '0' && _position + 1 < _source.Length
            ? char.ToLowerInvariant(_source[_position + 1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 }
            : 10;
        if (radix != 10)
        {
            Prefixed(radix);
            return;
        }

        int end = Digits(_position);
        // Behind a point it is an index, as in a.0.1.
        bool isIndex = _position > 0 && _source[_position - 1] == '.';
        bool isFloat = false;
        if (!isIndex && end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1]))
            (isFloat, end) = (true, Digits(end + 1));
        int exponent = end + 1 < _source.Length && _source[end] is 'e' or 'E'
            ? end + (_source[end + 1] is '+' or '-' ? 2 : 1)
            : _source.Length;
        if (!isIndex && exponent < _source.Length && char.IsAsciiDigit(_source[exponent]))
            (isFloat, end) = (true, Digits(exponent));
        if (end < _source.Length && IsNamePart(_source[end]))
            throw new JinjaException($"the number {Quoted.Text(_source.AsSpan(_position, end + 1 - _position))} is not supported", _line);
        string digits = _source[_position..end].Replace("_", "", StringComparison.Ordinal);
        Add(isFloat ? JinjaTokenKind.Float : JinjaTokenKind.Integer, digits, end);
    }

    // 0x…, 0o… and 0b…
    private void Prefixed(int radix)
    {
        int end = _position + 2;
        while (end < _source.Length && IsNamePart(_source[end]))
            end++;
        try
        {
            string digits = _source[(_position + 2)..end].Replace("_", "", StringComparison.Ordinal);
            Add(JinjaTokenKind.Integer, Convert.ToInt64(digits, radix).ToString(CultureInfo.InvariantCulture), end);
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new JinjaException($"{Quoted.Text(_source.AsSpan(_position, end - _position))} is no number", _line);
        }
    }

    private int Digits(int position)
    {
        while (position < _source.Length && (char.IsAsciiDigit(_source[position]) || _source[position] == '_'))
            position++;
        return position;
    }

    private void String(char quote)
    {
        var value = new StringBuilder();
        int i = _position + 1;
        for (; i < _source.Length && _source[i] != quote; i++)
        {
            if (_source[i] == '\\' && i + 1 < _source.Length)
                i = Escape(i + 1, value);
            else
                value.Append(_source[i]);
        }

        if (i >= _source.Length)
            throw new JinjaException("a text does not end", _line);
        Add(JinjaTokenKind.String, value.ToString(), i + 1);
    }

    // Python's escapes; returns the place of the last character.
    private int Escape(int i, StringBuilder value)
    {
        char c = _source[i];
        switch (c)
        {
            case '\n':
                return i;
            case '\\' or '\'' or '"':
                value.Append(c);
                return i;
            case 'n' or 't' or 'r' or 'a' or 'b' or 'f' or 'v':
                value.Append("\n\t\r\a\b\f\v"["ntrabfv".IndexOf(c, StringComparison.Ordinal)]);
                return i;
            case >= '0' and <= '7':
                int end = i;
                while (end < _source.Length && end < i + 3 && _source[end] is >= '0' and <= '7')
                    end++;
                value.Append((char)Convert.ToInt32(_source[i..end], 8));
                return end - 1;
            case 'x' or 'u' or 'U':
                int length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
                if (i + length < _source.Length && int.TryParse(
                    _source.AsSpan(i + 1, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
                    && code is >= 0 and <= 0x10FFFF)
                {
                    value.Append(code > 0xFFFF ? char.ConvertFromUtf32(code) : ((char)code).ToString());
                    return i + length;
                }

                throw new JinjaException($"the escape '\\{c}' in a text is not complete", _line);
            case 'N':
                throw new JinjaException("'\\N' in a text is not supported", _line);
            default:
                value.Append('\\').Append(c);
                return i;
        }
    }

    private void Operator()
    {
        string found = _operators.FirstOrDefault(o => string.CompareOrdinal(_source, _position, o, 0, o.Length) == 0)
            ?? throw new JinjaException($"unexpected {Quoted.Text(_source.AsSpan(_position, 1))}", _line);
        if (found is "(" or "[" or "{")
        {
            _braces.Push(found[0]);
        }
        else if (found is ")" or "]" or "}")
        {
            char open = found == ")" ? '(' : found == "]" ? '[' : '{';
            if (!_braces.TryPop(out char last) || last != open)
                throw new JinjaException($"unexpected '{found}'", _line);
        }

        Add(JinjaTokenKind.Operator, found, _position + found.Length);
    }

    private void Add(JinjaTokenKind kind, string value, int end)
    {
        _tokens.Add(new JinjaToken(kind, value, _line));
        Advance(end);
    }

    private void Advance(int position)
    {
        _position = position;
        if (_counted < position)
            _line += _source.AsSpan(_counted, position - _counted).Count('\n');
        _counted = Math.Max(_counted, position);
    }

    private static bool IsNamePart(char c) => c == '_' || char.IsLetterOrDigit(c);
}
