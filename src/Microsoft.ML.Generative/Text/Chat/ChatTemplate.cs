using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>How a conversation becomes the text that a model was trained to go on from.</summary>
/// <remarks>
/// A template's own tokens are put in by their ids, and what people say as plain text: a message that reads like such a token does not
/// become one, so nobody can speak as somebody else.
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
            prompt.Special("<|im_start|>").Text($"{turn.Role}\n").Text(turn.Text, turn.IsAnswer).Special("<|im_end|>", turn.IsAnswer).Text("\n");
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

    /// <summary>Mistral's: <c>[INST] … [/INST]</c>, instructions before what the user says first.</summary>
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
    /// For models that were trained on none: <c>User: … Assistant:</c>, a line each. The answer ends where the model speaks for the user.
    /// </summary>
    public static ChatTemplate Plain { get; } = new("Plain", null, ["\nUser:", "\nSystem:"], (conversation, prompt) =>
    {
        // An answer ends where somebody else is about to speak, or with the text.
        string separator = "";
        bool isAfterAnswer = false;
        foreach (ChatTurn turn in conversation.Turns)
        {
            prompt.Text($"{separator}{char.ToUpperInvariant(turn.Role[0])}{turn.Role[1..]}:", isAfterAnswer).Text($" {turn.Text}", turn.IsAnswer);
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

    /// <summary>The token that ends an answer; <see langword="null"/> for the one that ends a text.</summary>
    private string? EndOfTurn { get; }

    /// <summary>Texts that end an answer.</summary>
    private IReadOnlyList<string> StopStrings { get; }

    /// <summary>The template of a name, or <see langword="null"/>.</summary>
    internal static ChatTemplate? Named(string name) => _all.FirstOrDefault(t => t.Name == name);

    /// <summary>The template that a model's tokenizer brings; <see cref="Plain"/> where it brings none.</summary>
    /// <inheritdoc cref="Recognize" path="/exception"/>
    internal static ChatTemplate Of(TextCodec codec) =>
        (codec.Tokenizer as GenerativeTokenizer)?.Config.ChatTemplate is { } jinja ? Recognize(jinja) : Plain;

    /// <summary>The template whose markup a model's own, in Jinja's language, has.</summary>
    /// <exception cref="NotSupportedException">It is none of those known here.</exception>
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
            $"The model's own chat template is none of ChatML, Llama2, Llama3, Mistral and Zephyr, and templates in Jinja's language are not run: pass the {nameof(ChatTemplate)} that is nearest, or {nameof(ChatTemplate)}.{nameof(Plain)}.");
    }

    /// <summary>The tokens that the model goes on from.</summary>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the template, or the conversation does not fit it.</exception>
    internal int[] Encode(Conversation conversation, TextCodec codec)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.Encode(codec, Name);
    }

    /// <summary>The tokens of a conversation up to its last answer's end, and which of them are answers or end one.</summary>
    /// <inheritdoc cref="Encode" path="/exception"/>
    internal (int[] Ids, bool[] IsAnswer) EncodeAnswers(Conversation conversation, TextCodec codec)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.EncodeAnswers(codec, Name);
    }

    /// <summary>Tokenizer and options with which texts end where this template's answers do.</summary>
    internal (TextCodec Codec, TextGenerationOptions Options) ForAnswers(TextCodec codec, TextGenerationOptions options)
    {
        options = options.Copy();
        options.StopStrings = [.. options.StopStrings, .. StopStrings];
        return (EndOfTurn is { } end && codec.IdOf(end) is { } id ? codec with { Special = codec.Special with { Eos = id }, OtherEnds = [.. codec.Ends] } : codec, options);
    }

    /// <summary>The text, tokens of the template included.</summary>
    internal string Render(Conversation conversation)
    {
        var prompt = new ChatPrompt();
        _render(conversation, prompt);
        return prompt.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
