using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>How the models of a family write calls of tools: JSON after a mark.</summary>
internal sealed class ToolMarkup
{
    private const string IdGroup = "id";
    private const string NameGroup = "name";

    private static readonly string[] _argumentsMembers = ["arguments", "parameters"];

    private readonly Regex _call;
    private readonly string[] _ends;

    private ToolMarkup(string begin, string call, string[] ends, params string[] otherTokens)
    {
        (Begin, _ends) = (begin, ends);
        _call = new Regex(@"\G\s*" + call + @"\s*", RegexOptions.CultureInvariant);
        Tokens = [.. otherTokens, .. ends, .. begin.Length > 0 ? [begin] : Array.Empty<string>()];
        IsNamed = call.Contains($"(?<{NameGroup}>", StringComparison.Ordinal);
    }

    /// <summary>
    /// The known ones: of Hermes and Qwen, Phi-4 and Granite, Mistral (up to the seventh version of its tokenizer, and later), DeepSeek,
    /// and Llama 3.1, whose whole answer is a call.
    /// </summary>
    public static IReadOnlyList<ToolMarkup> All { get; } =
    [
        new("<tool_call>", "<tool_call>", ["</tool_call>"]),
        new("<|tool_call|>", @"<\|tool_call\|>", ["<|/tool_call|>"]),
        new("[TOOL_CALLS]", @"\[TOOL_CALLS\]", []),
        new("[TOOL_CALLS]", @"\[TOOL_CALLS\](?<name>[\w.-]+)(?:\[CALL_ID\](?<id>\w+))?\[ARGS\]", [], "[ARGS]", "[CALL_ID]"),
        new("<｜tool▁calls▁begin｜>",
            @"(?:<｜tool▁calls▁begin｜>\s*)?<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?<name>[\w.-]+)(?:<｜tool▁sep｜>|\s*```json)",
            ["```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"], "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>"),
        new("", @";?\s*(?:<\|python_tag\|>)?", [], "<|python_tag|>"),
    ];

    /// <summary>The text with which calls begin; empty where the answer is nothing else than calls.</summary>
    public string Begin { get; }

    /// <summary>Whether a tool's name stands before the JSON, which are its arguments then.</summary>
    public bool IsNamed { get; }

    /// <summary>Texts of tokens that are part of the markup, and must not be left out of the text of an answer.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Reads calls, and what stands between and after them.</summary>
    /// <param name="text">The text from <see cref="Begin"/>.</param>
    /// <returns>The calls, and the other text; <see langword="null"/> where it has another form.</returns>
    public (IReadOnlyList<ToolCall> Calls, string Others)? Read(string text)
    {
        List<ToolCall> calls = [];
        var rest = new StringBuilder();
        int place = 0;
        while (place < text.Length)
        {
            if (MatchAt(text, place) is not { } mark)
            {
                // Without a mark of their own, calls are all there is.
                if (Begin.Length == 0)
                    return string.IsNullOrWhiteSpace(text[place..]) && calls.Count > 0 ? (calls, "") : null;
                int next = text.IndexOf(Begin, place + 1, StringComparison.Ordinal);
                int end = next < 0 ? text.Length : next;
                rest.Append(text, place, end - place);
                place = end;
                continue;
            }

            place = mark.JsonStart;
            if (!TryReadJson(text, ref place, mark.Name, mark.Id, calls))
                return null;
            place = SkipEnds(text, place);
        }

        return calls.Count > 0 ? (calls, string.IsNullOrWhiteSpace(rest.ToString()) ? "" : rest.ToString().Trim()) : null;
    }

    /// <summary>
    /// Whether a template wrote a call in this markup: what it wrote before the JSON, and the names of the JSON's members.
    /// </summary>
    /// <param name="answer">What the template wrote.</param>
    /// <param name="call">The call.</param>
    public ToolOpening? FindOpening(string answer, ToolCall call)
    {
        int begin = answer.IndexOf(Begin, StringComparison.Ordinal);
        if (begin < 0 || MatchAt(answer, begin) is not { } mark)
            return null;
        List<ToolCall> read = [];
        int end = mark.JsonStart;
        if (!TryReadJson(answer, ref end, mark.Name, mark.Id, read) || read is not [var one] || one.Name != call.Name
            || !JsonElement.DeepEquals(one.Arguments, call.Arguments))
        {
            return null;
        }

        int start = answer[mark.JsonStart] == '[' ? answer.IndexOf('{', mark.JsonStart) : mark.JsonStart;
        string member = _argumentsMembers.FirstOrDefault(
            name => answer[start..end].Contains($"\"{name}\"", StringComparison.Ordinal), _argumentsMembers[0]);
        return new ToolOpening(start, NameGroup, member);
    }

    private (int JsonStart, string? Name, string? Id)? MatchAt(string text, int place)
    {
        Match match = _call.Match(text, place);
        if (!match.Success || match.Index + match.Length >= text.Length || text[match.Index + match.Length] is not ('{' or '['))
            return null;
        return (match.Index + match.Length, Group(NameGroup), Group(IdGroup));

        string? Group(string name) => match.Groups[name] is { Success: true } group ? group.Value : null;
    }

    // A call, or a list of them, of which the end may be missing.
    private static bool TryReadJson(string text, ref int place, string? name, string? id, List<ToolCall> calls)
    {
        bool isList = text[place] == '[';
        if (isList)
            place++;
        while (true)
        {
            if (!TryReadObject(text, ref place, out JsonElement json))
                return false;
            if (name is not null)
                calls.Add(new ToolCall(id ?? ToolCall.NewId(), name, json));
            else if (CallOf(json) is { } call)
                calls.Add(call);
            else
                return false;
            if (!isList)
                return true;
            place = SkipSpace(text, place);
            if (place == text.Length)
                return true;
            char separator = text[place++];
            if (separator == ']')
                return true;
            if (separator != ',')
                return false;
        }
    }

    private static bool TryReadObject(string text, ref int place, out JsonElement value)
    {
        value = default;
        place = SkipSpace(text, place);
        byte[] bytes = Encoding.UTF8.GetBytes(text[place..]);
        var reader = new Utf8JsonReader(bytes, isFinalBlock: false, default);
        try
        {
            if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document))
                return false;
            using (document)
                value = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return false;
        }

        place += Encoding.UTF8.GetCharCount(bytes, 0, (int)reader.BytesConsumed);
        return value.ValueKind == JsonValueKind.Object;
    }

    private static ToolCall? CallOf(JsonElement json)
    {
        if (!json.TryGetProperty(NameGroup, out JsonElement name) || name.ValueKind != JsonValueKind.String)
            return null;
        JsonElement arguments = _argumentsMembers.Where(member => json.TryGetProperty(member, out _))
            .Select(json.GetProperty).FirstOrDefault();
        // Some models write the arguments as a text with JSON in it.
        if (arguments.ValueKind == JsonValueKind.String)
        {
            int place = 0;
            string text = arguments.GetString()!;
            if (!TryReadObject(text, ref place, out arguments) || SkipSpace(text, place) < text.Length)
                return null;
        }

        string id = json.TryGetProperty(IdGroup, out JsonElement own) && own.ValueKind == JsonValueKind.String && own.GetString() is
        { Length: > 0 } given ? given : ToolCall.NewId();
        return arguments.ValueKind switch
        {
            JsonValueKind.Object => new ToolCall(id, name.GetString()!, arguments),
            JsonValueKind.Undefined or JsonValueKind.Null =>
                new ToolCall(id, name.GetString()!, JsonSerializer.SerializeToElement(new JsonObject())),
            _ => null,
        };
    }

    private int SkipEnds(string text, int place)
    {
        while (true)
        {
            int next = SkipSpace(text, place);
            if (_ends.FirstOrDefault(end => text.AsSpan(next).StartsWith(end, StringComparison.Ordinal)) is not { } found)
                return next;
            place = next + found.Length;
        }
    }

    private static int SkipSpace(string text, int place)
    {
        while (place < text.Length && char.IsWhiteSpace(text[place]))
            place++;
        return place;
    }
}

/// <summary>How a template begins a call.</summary>
/// <param name="Length">Characters before the JSON of the call.</param>
/// <param name="NameMember">The member of the JSON with the tool's name.</param>
/// <param name="ArgumentsMember">The member with the arguments.</param>
internal sealed record ToolOpening(int Length, string NameMember, string ArgumentsMember);
