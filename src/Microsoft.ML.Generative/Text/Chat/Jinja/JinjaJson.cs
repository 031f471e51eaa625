using System.Globalization;
using System.Text;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>
/// Writes JSON as Hugging Face's filter <c>tojson</c> does, which is Python's <c>json.dumps</c>: without escapes for HTML.
/// </summary>
internal sealed class JinjaJson
{
    private readonly JinjaBudget _budget;
    private readonly JinjaText.Builder _output = new();
    private readonly JinjaText? _indent;
    private readonly JinjaText _itemSeparator;
    private readonly JinjaText _keySeparator;
    private readonly bool _isAscii;
    private readonly bool _sorts;

    private JinjaJson(JinjaBudget budget, JinjaParameters parameters)
    {
        _budget = budget;
        _isAscii = parameters.IsTrue("ensure_ascii");
        _sorts = parameters.IsTrue("sort_keys");
        _indent = parameters["indent"] switch
        {
            null => null,
            JinjaText text => text,
            var width => Spaces(JinjaValues.Integer(width, "indent")),
        };
        (_itemSeparator, _keySeparator) = parameters["separators"] switch
        {
            null => (JinjaText.Of(_indent is null ? ", " : ","), JinjaText.Of(": ")),
            JinjaList { Items: [var item, var key] } => (JinjaValues.Text(item, "separators"), JinjaValues.Text(key, "separators")),
            _ => throw new JinjaException("the separators of 'tojson' are not two texts"),
        };
    }

    public static JinjaText Write(JinjaBudget budget, object? value, JinjaArguments arguments)
    {
        var json = new JinjaJson(budget, arguments.Bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys"));
        json.Write(value, 0);
        return json._output.ToText();
    }

    private JinjaText Spaces(long width)
    {
        _budget.Spend(Math.Max(width, 0));
        return JinjaText.Of(new string(' ', (int)Math.Max(width, 0)));
    }

    private void Write(object? value, int depth)
    {
        using JinjaBudget.Level level = _budget.Enter();
        _budget.Spend(1);
        switch (value)
        {
            case JinjaText text:
                Quote(text);
                break;
            case JinjaList list:
                Write("[", "]", depth, list.Items, item => Write(item, depth + 1));
                break;
            case JinjaDictionary dictionary:
                (object? Key, object? Value)[] items = [.. dictionary.Items];
                if (_sorts)
                    items = [.. items.OrderBy(i => i.Key, Comparer<object?>.Create((a, b) => JinjaValues.Compare(_budget, a, b)))];
                Write("{", "}", depth, items, item =>
                {
                    Quote(item.Key is JinjaText text ? text : JinjaText.Of(Scalar(item.Key)));
                    _output.Append(_keySeparator);
                    Write(item.Value, depth + 1);
                });
                break;
            default:
                _output.Append(Scalar(value));
                break;
        }
    }

    private void Write<T>(string begin, string end, int depth, IReadOnlyList<T> items, Action<T> write)
    {
        _output.Append(begin);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                _output.Append(_itemSeparator);
            NewLine(depth + 1);
            write(items[i]);
        }

        if (items.Count > 0)
            NewLine(depth);
        _output.Append(end);
    }

    private void NewLine(int depth)
    {
        if (_indent is null)
            return;
        _budget.Spend(1 + (long)depth * _indent.Length);
        _output.Append("\n");
        for (int i = 0; i < depth; i++)
            _output.Append(_indent);
    }

    private void Quote(JinjaText text)
    {
        _budget.Spend(text.Length);
        _output.Append("\"").Append(text.Map((rune, _) => Escape(rune))).Append("\"");
    }

    private string Escape(Rune rune)
    {
        switch (rune.Value)
        {
            case '"':
                return "\\\"";
            case '\\':
                return @"\\";
            case '\n':
                return "\\n";
            case '\r':
                return "\\r";
            case '\t':
                return "\\t";
            case '\f':
                return "\\f";
            case '\b':
                return "\\b";
            case < 0x20:
                return $"\\u{rune.Value:x4}";
            default:
                string text = rune.ToString();
                return _isAscii && !rune.IsAscii ? string.Concat(text.Select(c => $"\\u{(int)c:x4}")) : text;
        }
    }

    private static string Scalar(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        long whole => whole.ToString(CultureInfo.InvariantCulture),
        double.NaN => "NaN",
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        double number => JinjaValues.ToText(number),
        _ => throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be written as JSON"),
    };
}
