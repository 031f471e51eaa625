using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Chat.Jinja;

namespace Microsoft.ML.Generative.Text.Chat.Tools;

/// <summary>How a template's model writes calls, found by letting the template write one.</summary>
internal sealed class ToolCallForm
{
    private static readonly ToolCall _sample = new(
        "abcdefgh1", "sample_function", JsonSerializer.SerializeToElement(new JsonObject { ["sample"] = "value" }));

    private readonly string _template;
    private readonly IReadOnlyList<ToolDefinition> _tools;
    private readonly JinjaText _begin;
    private readonly ToolOpening _opening;

    private ToolCallForm(string template, IReadOnlyList<ToolDefinition> tools, ToolMarkup markup, JinjaText begin, ToolOpening opening) =>
        (_template, _tools, Markup, _begin, _opening) = (template, tools, markup, begin, opening);

    public ToolMarkup Markup { get; }

    /// <param name="template">The template's name, for errors.</param>
    /// <param name="tools">The tools.</param>
    /// <param name="write">Writes a conversation.</param>
    /// <exception cref="NotSupportedException">The template writes calls in a form that is not known.</exception>
    public static ToolCallForm Find(string template, IReadOnlyList<ToolDefinition> tools, Func<Conversation, JinjaText> write)
    {
        var question = new ChatTurn(Conversation.User, "a");
        string prompt = write(new Conversation([question], wantsAnswer: true) { Tools = tools }).Value;
        JinjaText whole = write(new Conversation(
            [question, new ChatTurn(Conversation.Assistant, "") { Calls = [_sample] }], wantsAnswer: false)
        { Tools = tools });
        int start = prompt.AsSpan().CommonPrefixLength(whole.Value);
        JinjaText answer = whole.Slice(start, whole.Length - start);
        foreach (ToolMarkup markup in ToolMarkup.All)
        {
            if (markup.FindOpening(answer.Value, _sample) is { } opening)
                return new ToolCallForm(template, tools, markup, answer.Slice(0, opening.Length), opening);
        }

        throw new NotSupportedException(
            $"{nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} are set, and the chat template {template} writes calls of tools in a form "
            + $"that is not supported: {Quoted.Text(answer.Value)}.");
    }

    /// <summary>How the answer begins, and what comes then, where a tool has to be called.</summary>
    /// <param name="name">The tool's name; <see langword="null"/>: any.</param>
    /// <exception cref="ArgumentException">There is no such tool.</exception>
    /// <exception cref="NotSupportedException">The name has to come before the JSON, and there are several.</exception>
    public (JinjaText Begin, ChatResponseFormat Format) Require(string? name)
    {
        ToolDefinition[] choices = [.. _tools.Where(tool => name is null || tool.Name == name)];
        if (choices.Length == 0)
            throw new ArgumentException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.ToolMode)} requires the function {Quoted.Text(name)}; the tools are "
                + $"{string.Join(", ", _tools.Select(tool => tool.Name))}.");
        if (Markup.IsNamed && choices.Length > 1)
            throw new NotSupportedException(
                $"{nameof(ChatOptions)}.{nameof(ChatOptions.ToolMode)} requires any of {choices.Length} functions, and with the chat "
                + $"template {_template} the function has to be named: use {nameof(ChatToolMode)}.{nameof(ChatToolMode.RequireSpecific)}.");
        JsonObject schema = Markup.IsNamed ? choices[0].ArgumentsSchema("#")
            : choices.Length == 1 ? choices[0].CallSchema(_opening.NameMember, _opening.ArgumentsMember, "#")
            : new JsonObject
            {
                ["anyOf"] = new JsonArray([.. choices.Select(
                    (tool, i) => tool.CallSchema(_opening.NameMember, _opening.ArgumentsMember, $"#/anyOf/{i}"))]),
            };
        return (Begin(choices[0].Name), ChatResponseFormat.ForJsonSchema(JsonSerializer.SerializeToElement(schema)));
    }

    // Name and id keep their source: whatever they are, they are no marks.
    private JinjaText Begin(string name)
    {
        string id = ToolCall.NewId();
        var begin = new JinjaText.Builder();
        foreach ((int start, int length, int source) in _begin.Runs)
        {
            begin.Append(_begin.Value.Substring(start, length)
                .Replace(_sample.Name, name, StringComparison.Ordinal).Replace(_sample.Id, id, StringComparison.Ordinal), source);
        }

        return begin.ToText();
    }
}
