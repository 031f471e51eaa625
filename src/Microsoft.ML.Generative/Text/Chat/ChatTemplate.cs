using Microsoft.Extensions.AI;

namespace Microsoft.ML.Generative;

/// <summary>How a conversation becomes the text that a model was trained to go on from.</summary>
/// <remarks>
/// A template's own tokens are put in by their ids, and what people say as plain text: a message that reads like such a token does not become one, so nobody
/// can speak as somebody else.
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
            prompt.Special("<|im_start|>").Text($"{turn.Role}\n{turn.Text}").Special("<|im_end|>").Text("\n");
        prompt.Special("<|im_start|>").Text("assistant\n");
    });

    /// <summary>Llama 2's: <c>[INST] … [/INST]</c>, instructions between <c>&lt;&lt;SYS&gt;&gt;</c> and <c>&lt;&lt;/SYS&gt;&gt;</c>.</summary>
    public static ChatTemplate Llama2 { get; } = new("Llama2", "</s>", [], (conversation, prompt) =>
    {
        string system = conversation.Instructions is { } instructions ? $"<<SYS>>\n{instructions}\n<</SYS>>\n\n" : "";
        foreach ((string user, string? answer) in conversation.Pairs("Llama2"))
        {
            prompt.Special("<s>").Text($"[INST] {system}{user} [/INST]");
            if (answer is not null)
                prompt.Text($" {answer} ").Special("</s>");
            system = "";
        }
    });

    /// <summary>Llama 3's: <c>&lt;|start_header_id|&gt;user&lt;|end_header_id|&gt; … &lt;|eot_id|&gt;</c>.</summary>
    public static ChatTemplate Llama3 { get; } = new("Llama3", "<|eot_id|>", [], (conversation, prompt) =>
    {
        prompt.Special("<|begin_of_text|>");
        foreach (ChatTurn turn in conversation.Turns)
            Header(turn.Role).Text($"\n\n{turn.Text}").Special("<|eot_id|>");
        Header("assistant").Text("\n\n");

        ChatPrompt Header(string role) => prompt.Special("<|start_header_id|>").Text(role).Special("<|end_header_id|>");
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
                prompt.Text($" {answer}").Special("</s>");
            system = "";
        }
    });

    /// <summary>Zephyr's: <c>&lt;|user|&gt; … &lt;/s&gt;</c>.</summary>
    public static ChatTemplate Zephyr { get; } = new("Zephyr", "</s>", [], (conversation, prompt) =>
    {
        foreach (ChatTurn turn in conversation.Turns)
            prompt.Text($"<|{turn.Role}|>\n{turn.Text}").Special("</s>").Text("\n");
        prompt.Text("<|assistant|>\n");
    });

    /// <summary>For models that were trained on none: <c>User: … Assistant:</c>, a line each. The answer ends where the model speaks for the user.</summary>
    public static ChatTemplate Plain { get; } = new("Plain", null, ["\nUser:", "\nSystem:"], (conversation, prompt) =>
    {
        foreach (ChatTurn turn in conversation.Turns)
            prompt.Text($"{char.ToUpperInvariant(turn.Role[0])}{turn.Role[1..]}: {turn.Text}\n");
        prompt.Text("Assistant:");
    });

    /// <summary>The template's name.</summary>
    public string Name { get; }

    /// <summary>The token that ends an answer; <see langword="null"/> for the one that ends a text.</summary>
    internal string? EndOfTurn { get; }

    /// <summary>Texts that end an answer.</summary>
    internal IReadOnlyList<string> StopStrings { get; }

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

/// <summary>What somebody said.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Text">What.</param>
internal readonly record struct ChatTurn(string Role, string Text);

/// <summary>Instructions, and what was said since.</summary>
internal sealed class Conversation
{
    /// <exception cref="NotSupportedException">A message holds more than text, or is of another role.</exception>
    /// <exception cref="ArgumentException">There is no message.</exception>
    public Conversation(IEnumerable<ChatMessage> messages, string? instructions)
    {
        List<ChatTurn> turns = [];
        List<string> system = instructions is null ? [] : [instructions];
        foreach (ChatMessage message in messages)
        {
            if (message.Contents.FirstOrDefault(c => c is not TextContent and not UsageContent) is { } other)
                throw new NotSupportedException($"A message of the role {message.Role} holds {other.GetType().Name}; this model reads text only.");
            if (message.Role == ChatRole.System)
                system.Add(message.Text);
            else if (message.Role == ChatRole.User || message.Role == ChatRole.Assistant)
                turns.Add(new ChatTurn(message.Role.Value, message.Text));
            else
                throw new NotSupportedException($"A message is of the role {message.Role}; this model knows system, user and assistant.");
        }

        if (turns.Count == 0)
            throw new ArgumentException("The conversation has no message of a user.", nameof(messages));
        Instructions = system.Count == 0 ? null : string.Join("\n\n", system);
        Turns = Instructions is null ? turns : [new ChatTurn("system", Instructions), .. turns];
    }

    public string? Instructions { get; }

    /// <summary>All that was said, instructions first.</summary>
    public IReadOnlyList<ChatTurn> Turns { get; }

    /// <summary>Questions and their answers; the last has none.</summary>
    /// <exception cref="ArgumentException">User and assistant do not take turns.</exception>
    public IEnumerable<(string User, string? Answer)> Pairs(string template)
    {
        ChatTurn[] said = [.. Turns.Where(t => t.Role != "system")];
        for (int i = 0; i < said.Length; i += 2)
        {
            if (said[i].Role != "user" || (i + 1 < said.Length && said[i + 1].Role != "assistant"))
                throw new ArgumentException($"With the chat template {template}, user and assistant have to take turns, the user first.");
            yield return (said[i].Text, i + 1 < said.Length ? said[i + 1].Text : null);
        }
    }
}

/// <summary>A prompt in parts: tokens of the template, and text.</summary>
internal sealed class ChatPrompt
{
    private readonly List<(string Text, bool IsSpecial)> _parts = [];

    public ChatPrompt Special(string token)
    {
        _parts.Add((token, true));
        return this;
    }

    // Texts beside each other are encoded as one, as in training.
    public ChatPrompt Text(string text)
    {
        if (_parts is [.., { IsSpecial: false } last])
            _parts[^1] = (last.Text + text, false);
        else
            _parts.Add((text, false));
        return this;
    }

    public int[] Encode(TextCodec codec, string template)
    {
        List<int> ids = [];
        foreach ((string text, bool isSpecial) in _parts)
        {
            if (isSpecial)
                ids.Add(codec.IdOf(text) ?? throw new ArgumentException($"The chat template {template} needs the token {text}, which the model's tokenizer lacks: pass another {nameof(ChatTemplate)}."));
            else
                ids.AddRange(codec.EncodeText(text));
        }

        return [.. ids];
    }

    public override string ToString() => string.Concat(_parts.Select(p => p.Text));
}
