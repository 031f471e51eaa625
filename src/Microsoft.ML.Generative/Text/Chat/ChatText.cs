using Microsoft.ML.Generative.Text.Chat.Jinja;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>A conversation as a template wrote it. Its sources are 0 for the template, and n + 1 for the n-th message.</summary>
internal sealed class ChatText
{
    private ChatText(JinjaRendering rendering) => (Text, Generations) = (rendering.Text, rendering.Generations);

    public JinjaText Text { get; }

    /// <summary>The ranges that the template marks as answers, if it does.</summary>
    public IReadOnlyList<(int Start, int End)> Generations { get; }

    /// <exception cref="JinjaException">The template fails.</exception>
    /// <exception cref="JinjaRefusal">The template refuses the conversation.</exception>
    public static ChatText Write(JinjaTemplate template, Conversation conversation, TextCodec? codec)
    {
        Dictionary<string, object?> variables = new(StringComparer.Ordinal)
        {
            ["messages"] = new JinjaList([.. conversation.Turns.Select(Message)]),
            ["add_generation_prompt"] = conversation.WantsAnswer,
            ["tools"] = null,
            ["documents"] = null,
        };
        if (codec is not null)
            AddSpecialTokens(codec, variables);

        long characters = conversation.Turns.Sum(turn => (long)turn.Text.Length);
        return new ChatText(template.Render(variables, characters, TimeProvider.System.GetLocalNow()));
    }

    /// <summary>The text with what the template wrote of it.</summary>
    public MarkedText Marked(string template) =>
        new(Text.Value, [.. Text.Runs.Where(run => run.Source == JinjaText.Template).Select(run => (run.Start, run.Length))], template);

    /// <summary>Whether the template wrote all of a range.</summary>
    public bool IsWritten(int start, int end) =>
        Text.Runs.All(run => run.Source == JinjaText.Template || run.Start >= end || run.Start + run.Length <= start);

    /// <summary>Where a message's text begins and ends; null if nothing of it is there.</summary>
    public (int Start, int End)? PlaceOf(int message)
    {
        (int Start, int Length, int Source)[] runs = [.. Text.Runs.Where(run => run.Source == message + 1)];
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

    // Roles are this library's own words, and part of some templates' marks.
    private static JinjaDictionary Message(ChatTurn turn, int number)
    {
        var message = new JinjaDictionary();
        message.Set(JinjaText.Of("role"), JinjaText.Of(turn.Role));
        message.Set(JinjaText.Of("content"), JinjaText.Of(turn.Text, number + 1));
        return message;
    }
}
