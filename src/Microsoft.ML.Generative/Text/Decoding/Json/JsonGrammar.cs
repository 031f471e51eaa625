using System.Text;
using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>The rules of one kind of JSON text.</summary>
internal sealed class JsonGrammar
{
    private readonly List<JsonRule> _rules = [];
    private JsonRule? _any;

    public IReadOnlyList<JsonRule> Rules => _rules;

    /// <summary>The rule of the whole text.</summary>
    public JsonRule Root { get; private set; } = null!;

    /// <summary>The rules of any value.</summary>
    public JsonRule Any => _any ??= MakeAny();

    /// <summary>What a format asks for; null where any text will do.</summary>
    /// <exception cref="NotSupportedException">It is of a kind or has a keyword that is not supported.</exception>
    /// <exception cref="ArgumentException">The schema is not valid.</exception>
    public static JsonGrammar? Of(ChatResponseFormat? format)
    {
        if (format is null or ChatResponseFormatText)
            return null;
        if (format is not ChatResponseFormatJson json)
            throw new NotSupportedException($"ResponseFormat is {format.GetType().Name}; supported values: text, JSON, JSON of a schema.");
        var grammar = new JsonGrammar();
        grammar.Root = json.Schema is { } schema ? new JsonSchemaReader(grammar, schema, json.SchemaName).Read() : grammar.MakeObject();
        return grammar;
    }

    public JsonRule Add()
    {
        var rule = new JsonRule(_rules.Count);
        _rules.Add(rule);
        return rule;
    }

    /// <summary>A text as it stands between quotation marks.</summary>
    public static byte[] Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' or '\\' => escaped.Append('\\').Append(c),
                '\n' => escaped.Append("\\n"),
                '\t' => escaped.Append("\\t"),
                '\r' => escaped.Append("\\r"),
                < ' ' => escaped.Append($"\\u{(int)c:x4}"),
                _ => escaped.Append(c),
            };
        }

        return Encoding.UTF8.GetBytes(escaped.ToString());
    }

    public static TextTrie Words(params ReadOnlySpan<string> words) => new([.. words.ToArray().Select(Encoding.UTF8.GetBytes)]);

    private JsonRule MakeObject()
    {
        JsonRule rule = Add();
        rule.Object = new JsonObjectRule { Additional = Any };
        return rule;
    }

    private JsonRule MakeAny()
    {
        JsonRule any = Add();
        any.Object = new JsonObjectRule { Additional = any };
        any.Array = new JsonArrayRule { Items = any };
        any.String = new JsonStringRule(0, null);
        any.Number = NumberPatterns.Any;
        any.Literals = Words("null", "true", "false");
        return any;
    }
}
