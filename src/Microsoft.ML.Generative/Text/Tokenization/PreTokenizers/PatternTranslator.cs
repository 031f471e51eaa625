using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

/// <summary>
/// Rewrites a regular expression of the kind that tokenizers' files have (Oniguruma's syntax) to .NET's. What has no
/// equal there, or another meaning, is refused.
/// </summary>
internal sealed class PatternTranslator
{
    private const int MaxLength = 10_000;
    private const int MaxDepth = 50;

    // Letters, marks, digits, numbers that are letters, connectors and circled letters; outside of classes, Oniguruma has
    // Latin-1's other numbers among them.
    private const string Word = @"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24B6-\u24E9";
    private const string WordOutside = Word + @"\u00B2\u00B3\u00B9\u00BC-\u00BE";

    private static readonly HashSet<string> _categories = new(
        ["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
         "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co", "Cn"], StringComparer.Ordinal);

    private static readonly string[] _openings = ["(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"];
    private static readonly SearchValues<char> _repetition = SearchValues.Create("0123456789,");

    private readonly string _source;
    private readonly StringBuilder _output = new();
    private readonly Stack<int> _groups = new();
    private int _position;

    // Where the last thing that a quantifier may follow begins in the output; -1 where there is none.
    private int _atom = -1;

    private PatternTranslator(string source) => _source = source;

    /// <exception cref="InvalidDataException">The pattern uses something that is not supported; the message names it.</exception>
    public static string Translate(string pattern)
    {
        if (pattern.Length > MaxLength)
            throw new InvalidDataException($"A pattern has {pattern.Length} characters; at most {MaxLength} are allowed.");
        return new PatternTranslator(pattern).Run();
    }

    private string Run()
    {
        while (_position < _source.Length)
        {
            char c = _source[_position];
            switch (c)
            {
                case '\\':
                    BeginAtom();
                    Escape(inClass: false);
                    break;
                case '[':
                    BeginAtom();
                    Class();
                    break;
                case '(':
                    Group();
                    break;
                case ')':
                    if (_groups.Count == 0)
                        throw Unsupported("a ')' without its '('");
                    _position++;
                    _output.Append(')');
                    _atom = _groups.Pop();
                    break;
                case '|':
                    _position++;
                    _output.Append(c);
                    _atom = -1;
                    break;
                case '?' or '*' or '+':
                    _position++;
                    Quantifier(c.ToString());
                    break;
                case '{' when Repetition() is { } repetition:
                    _position += repetition.Length;
                    Quantifier(repetition);
                    break;
                case '^' or '$':
                    _position++;
                    _output.Append(CultureInfo.InvariantCulture, $"(?m:{c})");
                    _atom = -1;
                    break;
                default:
                    BeginAtom();
                    _position++;
                    Literal(c);
                    break;
            }
        }

        return _groups.Count == 0 ? _output.ToString() : throw Unsupported("a '(' without its ')'");
    }

    private void BeginAtom() => _atom = _output.Length;

    private void Literal(char c)
    {
        if (char.IsSurrogate(c))
            throw Unsupported("a character outside the Basic Multilingual Plane");
        _output.Append(c is '#' or '{' or '}' ? "\\" + c : c.ToString());
    }

    private string? Repetition()
    {
        int end = _source.IndexOf('}', _position);
        if (end < 0)
            return null;
        ReadOnlySpan<char> inside = _source.AsSpan(_position + 1, end - _position - 1);
        return inside.Length > 0 && char.IsAsciiDigit(inside[0]) && inside.IndexOfAnyExcept(_repetition) < 0
            ? _source[_position..(end + 1)]
            : null;
    }

    private void Quantifier(string quantifier)
    {
        if (_atom < 0)
            throw Unsupported($"'{quantifier}' with nothing before it");
        _output.Append(quantifier);
        if (_position < _source.Length && _source[_position] == '?')
        {
            _output.Append('?');
            _position++;
        }
        else if (_position < _source.Length && _source[_position] == '+')
        {
            // In Oniguruma, a + after {n,m} is a second quantifier, not a possessive one.
            if (quantifier.StartsWith('{'))
                throw Unsupported("a '+' after a repetition in braces");
            _output.Insert(_atom, "(?>").Append(')');
            _position++;
        }

        if (_position < _source.Length
            && (_source[_position] is '?' or '*' or '+' || (_source[_position] == '{' && Repetition() is not null)))
            throw Unsupported("two quantifiers in a row");
        _atom = -1;
    }

    private void Group()
    {
        string rest = _source[_position..];
        string? opening = rest.StartsWith("(?", StringComparison.Ordinal)
            ? _openings.FirstOrDefault(o => rest.StartsWith(o, StringComparison.Ordinal))
            : "(";
        if (opening is null)
            throw Unsupported($"the group '{rest[..Math.Min(4, rest.Length)]}'");
        if (_groups.Count == MaxDepth)
            throw Unsupported($"more than {MaxDepth} groups in each other");
        _groups.Push(_output.Length);
        _output.Append(opening == "(" ? "(?:" : opening);
        _position += opening.Length;
        _atom = -1;
    }

    private void Class()
    {
        _position++;
        _output.Append('[');
        if (_position < _source.Length && _source[_position] == '^')
        {
            _output.Append('^');
            _position++;
        }

        for (bool first = true; _position < _source.Length; first = false)
        {
            char c = _source[_position];
            if (c == ']' && !first)
            {
                _position++;
                _output.Append(']');
                return;
            }

            if (c is ']' or '[')
                throw Unsupported($"'{c}' inside a class of characters");
            if (c == '&' && _position + 1 < _source.Length && _source[_position + 1] == '&')
                throw Unsupported("'&&' inside a class of characters");
            if (c == '\\')
            {
                Escape(inClass: true);
                continue;
            }

            _position++;
            if (char.IsSurrogate(c))
                throw Unsupported("a character outside the Basic Multilingual Plane");
            _output.Append(c);
        }

        throw Unsupported("a '[' without its ']'");
    }

    private void Escape(bool inClass)
    {
        if (_position + 1 >= _source.Length)
            throw Unsupported("a '\\' at its end");
        char c = _source[_position + 1];
        _position += 2;
        switch (c)
        {
            case 's' or 'S' or 'd' or 'D' or 'r' or 'n' or 't' or 'f' or 'v':
                _output.Append('\\').Append(c);
                break;
            case 'w':
                _output.Append(inClass ? Word : $"[{WordOutside}]");
                break;
            case 'W' when !inClass:
                _output.Append(CultureInfo.InvariantCulture, $"[^{WordOutside}]");
                break;
            case 'p' or 'P':
                Category(c);
                break;
            case 'x' or 'u':
                CodePoint(c);
                break;
            case var other when char.IsAsciiLetterOrDigit(other) || !char.IsAscii(other):
                throw Unsupported($"'\\{other}'");
            default:
                _output.Append('\\').Append(c);
                break;
        }
    }

    private void Category(char letter)
    {
        int end = _position < _source.Length && _source[_position] == '{' ? _source.IndexOf('}', _position) : -1;
        if (end < 0)
            throw Unsupported($"'\\{letter}' without a category in braces");
        string name = _source[(_position + 1)..end];
        bool negated = name.StartsWith('^');
        if (!_categories.Contains(negated ? name[1..] : name))
            throw Unsupported($"'\\{letter}' of {Quoted.Text(name)}");
        _output.Append('\\').Append(negated ? letter == 'p' ? 'P' : 'p' : letter);
        _output.Append('{').Append(negated ? name[1..] : name).Append('}');
        _position = end + 1;
    }

    private void CodePoint(char letter)
    {
        string digits;
        if (_position < _source.Length && _source[_position] == '{')
        {
            int end = _source.IndexOf('}', _position);
            digits = end < 0 ? "" : _source[(_position + 1)..end];
            _position = end + 1;
        }
        else
        {
            int length = letter == 'x' ? 2 : 4;
            digits = _position + length <= _source.Length ? _source.Substring(_position, length) : "";
            _position += length;
        }

        if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > 0xFFFF
            || char.IsSurrogate((char)value))
            throw Unsupported($"'\\{letter}' with {Quoted.Text(digits)}");
        _output.Append(CultureInfo.InvariantCulture, $"\\u{value:X4}");
    }

    private InvalidDataException Unsupported(string what) => new($"The pattern {Quoted.Text(_source)} has {what}, which is not supported.");
}
