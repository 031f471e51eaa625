using System.Text;
using Microsoft.ML.Generative.Text.Chat.Jinja;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>
/// A conversation as a template wrote it. Its sources are 0 for the template, n + 1 for the n-th message, further ones for the calls in
/// messages, and a negative one for tools.
/// </summary>
internal sealed class ChatText
{
    private readonly Conversation _conversation;

    private ChatText(Conversation conversation, JinjaText text, IReadOnlyList<(int Start, int End)> generations) =>
        (_conversation, Text, Generations) = (conversation, text, generations);

    public JinjaText Text { get; }

    /// <summary>The ranges that the template marks as answers, if it does.</summary>
    public IReadOnlyList<(int Start, int End)> Generations { get; }

    /// <summary>Whether the template wrote the tools.</summary>
    public bool HasTools => _conversation.Tools.All(tool => TextOf(ChatVariables.Tools).Contains(tool.Name, StringComparison.Ordinal));

    /// <summary>Whether the template wrote the calls of tools in all messages, and their results.</summary>
    public bool HasCalls => _conversation.Turns.Index().All(turn =>
        turn.Item.Calls.All(call => TextOf(ChatVariables.CallsOf(_conversation, turn.Index)).Contains(call.Name, StringComparison.Ordinal))
        && (turn.Item.ResultOf is null || turn.Item.Text.Length == 0 || TextOf(turn.Index + 1).Length > 0));

    /// <exception cref="JinjaException">The template fails.</exception>
    /// <exception cref="JinjaRefusal">The template refuses the conversation.</exception>
    public static ChatText Write(JinjaTemplate template, Conversation conversation, TextCodec? codec, MessageForm form)
    {
        var variables = new ChatVariables(conversation, form);
        Dictionary<string, object?> values = variables.Values();
        if (codec is not null)
            AddSpecialTokens(codec, values);
        JinjaRendering rendering = template.Render(values, variables.Characters, TimeProvider.System.GetLocalNow());
        return new ChatText(conversation, rendering.Text, rendering.Generations);
    }

    /// <summary>The same with more text behind it.</summary>
    public ChatText With(JinjaText more) =>
        new(_conversation, new JinjaText.Builder().Append(Text).Append(more).ToText(), Generations);

    /// <summary>The text with what the template wrote of it.</summary>
    public MarkedText Marked(string template) =>
        new(Text.Value, [.. Text.Runs.Where(run => run.Source == JinjaText.Template).Select(run => (run.Start, run.Length))], template);

    /// <summary>Whether the template wrote all of a range.</summary>
    public bool IsWritten(int start, int end) =>
        Text.Runs.All(run => run.Source == JinjaText.Template || run.Start >= end || run.Start + run.Length <= start);

    /// <summary>Where a message's text begins and ends; null if nothing of it is there.</summary>
    public (int Start, int End)? PlaceOf(int message)
    {
        int calls = ChatVariables.CallsOf(_conversation, message);
        (int Start, int Length, int Source)[] runs = [.. Text.Runs.Where(run => run.Source == message + 1 || run.Source == calls)];
        return runs.Length == 0 ? null : (runs[0].Start, runs[^1].Start + runs[^1].Length);
    }

    private static void AddSpecialTokens(TextCodec codec, Dictionary<string, object?> variables)
    {
        foreach ((string name, int? id) in ((string, int?)[])[
            ("bos_token", codec.Special.Bos), ("eos_token", codec.Special.Eos), ("unk_token", codec.Special.Unk),
            ("pad_token", codec.Special.Pad)])
        {
            if (codec.TextOf(id) is { } token)
                variables[name] = JinjaText.Of(token);
        }
    }

    private string TextOf(int source)
    {
        var text = new StringBuilder();
        foreach ((int start, int length, int own) in Text.Runs)
        {
            if (own == source)
                text.Append(Text.Value, start, length);
        }

        return text.ToString();
    }
}
