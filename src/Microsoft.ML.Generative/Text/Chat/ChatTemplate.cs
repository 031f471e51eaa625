using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>Writes conversations in the form that a model was trained on.</summary>
/// <remarks>
/// A template's own tokens are added by their ids, and messages as plain text: a message that reads like a token of the template does not
/// become one, so that no user can write messages of another role.
/// </remarks>
public sealed class ChatTemplate
{
    private readonly Action<Conversation, ChatPrompt> _render;

    private ChatTemplate(string name, string? endOfTurn, IReadOnlyList<string> stopStrings, Action<Conversation, ChatPrompt> render) =>
        (Name, EndOfTurn, StopStrings, _render) = (name, endOfTurn, stopStrings, render);

    /// <summary>OpenAI's markup, which Qwen and SmolLM2 use: <c>&lt;|im_start|&gt;user … &lt;|im_end|&gt;</c>.</summary>
    public static ChatTemplate ChatML { get; } = new("ChatML", "<|im_end|>", [], (conversation, prompt) =>
    {
        foreach (ChatTurn turn in conversation.Turns)
        {
            prompt.Special("<|im_start|>").Text($"{turn.Role}\n");
            prompt.Text(turn.Text, turn.IsAnswer).Special("<|im_end|>", turn.IsAnswer).Text("\n");
        }

        if (conversation.WantsAnswer)
            prompt.Special("<|im_start|>").Text("assistant\n");
    });

    /// <summary>
    /// Llama 2's: <c>[INST] … [/INST]</c>, instructions between <c>&lt;&lt;SYS&gt;&gt;</c> and <c>&lt;&lt;/SYS&gt;&gt;</c>.
    /// </summary>
    public static ChatTemplate Llama2 { get; } = new("Llama2", "</s>", [], (conversation, prompt) =>
    {
        string system = conversation.Instructions is { } instructions ? $"<<SYS>>\n{instructions}\n<</SYS>>\n\n" : "";
        foreach ((string user, string? answer) in conversation.Pairs("Llama2"))
        {
            prompt.Special("<s>").Text($"[INST] {system}{user} [/INST]");
            if (answer is not null)
                prompt.Text($" {answer} ", isAnswer: true).Special("</s>", isAnswer: true);
            system = "";
        }
    });

    /// <summary>Llama 3's: <c>&lt;|start_header_id|&gt;user&lt;|end_header_id|&gt; … &lt;|eot_id|&gt;</c>.</summary>
    public static ChatTemplate Llama3 { get; } = new("Llama3", "<|eot_id|>", [], (conversation, prompt) =>
    {
        prompt.Special("<|begin_of_text|>");
        foreach (ChatTurn turn in conversation.Turns)
            Header(turn.Role).Text(turn.Text, turn.IsAnswer).Special("<|eot_id|>", turn.IsAnswer);
        if (conversation.WantsAnswer)
            Header("assistant");

        ChatPrompt Header(string role) => prompt.Special("<|start_header_id|>").Text(role).Special("<|end_header_id|>").Text("\n\n");
    });

    /// <summary>Mistral's: <c>[INST] … [/INST]</c>, instructions before the first message of the user.</summary>
    public static ChatTemplate Mistral { get; } = new("Mistral", "</s>", [], (conversation, prompt) =>
    {
        prompt.Special("<s>");
        string system = conversation.Instructions is { } instructions ? $"{instructions}\n\n" : "";
        foreach ((string user, string? answer) in conversation.Pairs("Mistral"))
        {
            prompt.Text($"[INST] {system}{user} [/INST]");
            if (answer is not null)
                prompt.Text($" {answer}", isAnswer: true).Special("</s>", isAnswer: true);
            system = "";
        }
    });

    /// <summary>Zephyr's: <c>&lt;|user|&gt; … &lt;/s&gt;</c>.</summary>
    public static ChatTemplate Zephyr { get; } = new("Zephyr", "</s>", [], (conversation, prompt) =>
    {
        foreach (ChatTurn turn in conversation.Turns)
            prompt.Text($"<|{turn.Role}|>\n").Text(turn.Text, turn.IsAnswer).Special("</s>", turn.IsAnswer).Text("\n");
        if (conversation.WantsAnswer)
            prompt.Text("<|assistant|>\n");
    });

    /// <summary>
    /// For models that were trained on none: <c>User: … Assistant:</c>, a line per message. The answer ends where the model begins a
    /// message of the user.
    /// </summary>
    public static ChatTemplate Plain { get; } = new("Plain", null, ["\nUser:", "\nSystem:"], (conversation, prompt) =>
    {
        // An answer ends where the next message begins, or with the text.
        string separator = "";
        bool isAfterAnswer = false;
        foreach (ChatTurn turn in conversation.Turns)
        {
            prompt.Text($"{separator}{char.ToUpperInvariant(turn.Role[0])}{turn.Role[1..]}:", isAfterAnswer);
            prompt.Text($" {turn.Text}", turn.IsAnswer);
            (separator, isAfterAnswer) = ("\n", turn.IsAnswer);
        }

        if (conversation.WantsAnswer)
            prompt.Text($"{separator}Assistant:");
        else if (isAfterAnswer)
            prompt.EndOfText(isAnswer: true);
    });

    private static readonly ChatTemplate[] _all = [ChatML, Llama2, Llama3, Mistral, Zephyr, Plain];

    /// <summary>The template's name.</summary>
    public string Name { get; }

    /// <summary>The token that ends an answer; <see langword="null"/>: the token that ends a text.</summary>
    private string? EndOfTurn { get; }

    /// <summary>Texts that end an answer.</summary>
    private IReadOnlyList<string> StopStrings { get; }

    /// <summary>The template of a name, or <see langword="null"/>.</summary>
    internal static ChatTemplate? Named(string name) => _all.FirstOrDefault(t => t.Name == name);

    /// <summary>The template of a model's tokenizer; <see cref="Plain"/> where it has none.</summary>
    /// <inheritdoc cref="Recognize" path="/exception"/>
    internal static ChatTemplate Of(TextCodec codec) =>
        (codec.Tokenizer as GenerativeTokenizer)?.Config.ChatTemplate is { } jinja ? Recognize(jinja) : Plain;

    /// <summary>Recognizes a model's own template, in the Jinja language, by its markup.</summary>
    /// <exception cref="NotSupportedException">It is not supported.</exception>
    internal static ChatTemplate Recognize(string jinja)
    {
        bool Has(string text) => jinja.Contains(text, StringComparison.Ordinal);
        if (Has("<|im_start|>") && Has("<|im_end|>"))
            return ChatML;
        if (Has("<|start_header_id|>") && Has("<|eot_id|>"))
            return Llama3;
        if (Has("<<SYS>>"))
            return Llama2;
        if (Has("[INST]"))
            return Mistral;
        if (Has("<|user|>") && Has("<|assistant|>") && Has("eos_token"))
            return Zephyr;
        throw new NotSupportedException(
            "The model's own chat template is none of ChatML, Llama2, Llama3, Mistral and Zephyr, and Jinja templates are not run: "
            + $"pass the {nameof(ChatTemplate)} that is nearest, or {nameof(ChatTemplate)}.{nameof(Plain)}.");
    }

    /// <summary>Encodes a conversation as the prompt of its next message.</summary>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the template, or the conversation does not fit it.</exception>
    internal int[] Encode(Conversation conversation, TextCodec codec)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.Encode(codec, Name);
    }

    /// <summary>
    /// Encodes a conversation up to the end of its last answer, with the information which tokens are answers or end an answer.
    /// </summary>
    /// <inheritdoc cref="Encode" path="/exception"/>
    internal (int[] Ids, bool[] IsAnswer) EncodeAnswers(Conversation conversation, TextCodec codec)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.EncodeAnswers(codec, Name);
    }

    /// <summary>Codec and options with which a generated text ends where this template's answers do.</summary>
    internal (TextCodec Codec, TextGenerationOptions Options) ForAnswers(TextCodec codec, TextGenerationOptions options)
    {
        options = options.Copy();
        options.StopStrings = [.. options.StopStrings, .. StopStrings];
        if (EndOfTurn is { } end && codec.IdOf(end) is { } id)
            codec = codec with { Special = codec.Special with { Eos = id }, OtherEnds = [.. codec.Ends] };
        return (codec, options);
    }

    /// <summary>Writes a conversation as text, tokens of the template included.</summary>
    internal string Render(Conversation conversation)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
