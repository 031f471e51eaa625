using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Chat.Jinja;
using Microsoft.ML.Generative.Text.Chat.Tools;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>Writes conversations in the form that a model was trained on.</summary>
/// <remarks>
/// <para>
/// A template is a program in Jinja's language, as Hugging Face's transformers runs it. It cannot run forever or fill the memory, whatever
/// it says.
/// </para>
/// <para>
/// The marks that the template writes, such as <c>&lt;|im_start|&gt;</c>, become the tokenizer's tokens; messages are plain text: a message
/// that reads like a mark does not become one, so that no user can write messages of another role. That holds for the results of tools,
/// too.
/// </para>
/// <para>
/// Templates that write tools make models call them, <see cref="ChatOptions.Tools"/>. How the answer names a call is read from how the
/// template writes one; supported forms: those of Hermes and Qwen, Mistral, Llama 3.1, Phi-4, Granite and DeepSeek.
/// </para>
/// </remarks>
public sealed class ChatTemplate
{
    /// <summary>The name of the template in a folder that is used where there are tools.</summary>
    internal const string ToolUse = "tool_use";

    private const string Custom = "Jinja";

    private readonly JinjaTemplate _template;
    private readonly IReadOnlyList<string> _marks;
    private readonly IReadOnlyList<string> _stopStrings;

    private ChatTemplate(string name, JinjaTemplate template, IReadOnlyList<string> marks, IReadOnlyList<string> stopStrings) =>
        (Name, _template, _marks, _stopStrings) = (name, template, marks, stopStrings);

    /// <summary>OpenAI's markup, which Qwen and SmolLM2 use: <c>&lt;|im_start|&gt;user … &lt;|im_end|&gt;</c>.</summary>
    public static ChatTemplate ChatML { get; } = BuiltIn("ChatML", ChatTemplateSources.ChatML, "<|im_start|>", "<|im_end|>");

    /// <summary>
    /// Llama 2's: <c>[INST] … [/INST]</c>, instructions between <c>&lt;&lt;SYS&gt;&gt;</c> and <c>&lt;&lt;/SYS&gt;&gt;</c>.
    /// </summary>
    public static ChatTemplate Llama2 { get; } = BuiltIn("Llama2", ChatTemplateSources.Llama2, "<s>", "</s>");

    /// <summary>Llama 3's: <c>&lt;|start_header_id|&gt;user&lt;|end_header_id|&gt; … &lt;|eot_id|&gt;</c>.</summary>
    public static ChatTemplate Llama3 { get; } = BuiltIn(
        "Llama3", ChatTemplateSources.Llama3, "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>");

    /// <summary>Mistral's: <c>[INST] … [/INST]</c>, instructions before the first message of the user.</summary>
    public static ChatTemplate Mistral { get; } = BuiltIn("Mistral", ChatTemplateSources.Mistral, "<s>", "</s>");

    /// <summary>Zephyr's: <c>&lt;|user|&gt; … &lt;/s&gt;</c>.</summary>
    public static ChatTemplate Zephyr { get; } = BuiltIn("Zephyr", ChatTemplateSources.Zephyr, "</s>");

    /// <summary>
    /// For models that were trained on none: <c>User: … Assistant:</c>, a line per message. The answer ends where the model begins a
    /// message of the user.
    /// </summary>
    public static ChatTemplate Plain { get; } =
        new("Plain", JinjaTemplate.Parse(ChatTemplateSources.Plain), [], ["\nUser:", "\nSystem:"]);

    private static readonly ChatTemplate[] _all = [ChatML, Llama2, Llama3, Mistral, Zephyr, Plain];

    /// <summary>The template's name; Jinja for those that <see cref="FromJinja"/> makes.</summary>
    public string Name { get; }

    /// <summary>The template in Jinja's language.</summary>
    public string Source => _template.Source;

    /// <summary>The template that is used where there are tools, if it is another one.</summary>
    internal ChatTemplate? ForTools { get; private init; }

    /// <summary>Whether the template is none of this library's own.</summary>
    internal bool IsCustom => Name == Custom;

    /// <summary>Makes a template of its source in Jinja's language, as models' folders have it.</summary>
    /// <param name="source">
    /// The source, such as the content of a <c>chat_template.jinja</c>. It is given the variables <c>messages</c>,
    /// <c>add_generation_prompt</c>, and the texts of the tokenizer's special tokens, such as <c>bos_token</c>.
    /// </param>
    /// <returns>The template.</returns>
    /// <exception cref="ArgumentException">The source is not valid, or uses what is not supported; the message names the line.</exception>
    public static ChatTemplate FromJinja(string source)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        try
        {
            return new ChatTemplate(Custom, JinjaTemplate.Parse(source), [], []);
        }
        catch (JinjaException e)
        {
            throw new ArgumentException($"The chat template cannot be used: {Quoted.Message(e)}.", nameof(source), e);
        }
    }

    /// <summary>The template with another one that is used where there are tools.</summary>
    internal ChatTemplate With(ChatTemplate forTools) => new(Name, _template, _marks, _stopStrings) { ForTools = forTools };

    /// <summary>The template of a name, or <see langword="null"/>.</summary>
    internal static ChatTemplate? Named(string name) => _all.FirstOrDefault(t => t.Name == name);

    /// <summary>The template of a model's tokenizer; <see cref="Plain"/> where it has none.</summary>
    /// <exception cref="NotSupportedException">It cannot be used.</exception>
    internal static ChatTemplate Of(TextCodec codec)
    {
        IReadOnlyDictionary<string, string> templates = (codec.Tokenizer as GenerativeTokenizer)?.ChatTemplates
            ?? new Dictionary<string, string>();
        if ((codec.Tokenizer as GenerativeTokenizer)?.Config.ChatTemplate is not { } source)
        {
            return templates.Count == 0 ? Plain : throw new NotSupportedException(
                $"The model has chat templates with the names {string.Join(", ", templates.Keys.Order(StringComparer.Ordinal))}, and none "
                + $"is the default: pass one of {nameof(GenerativeTokenizer)}.{nameof(GenerativeTokenizer.ChatTemplates)} to "
                + $"{nameof(ChatTemplate)}.{nameof(FromJinja)}.");
        }

        try
        {
            // Other than its source, it has strings that end an answer.
            ChatTemplate template = source == Plain.Source ? Plain : FromJinja(source);
            return templates.TryGetValue(ToolUse, out string? forTools) ? template.With(FromJinja(forTools)) : template;
        }
        catch (ArgumentException e)
        {
            throw new NotSupportedException(
                $"The model's own chat template cannot be used: {e.InnerException?.Message ?? e.Message}. Pass the {nameof(ChatTemplate)} "
                + $"that is nearest, or {nameof(ChatTemplate)}.{nameof(Plain)}.", e);
        }
    }

    /// <summary>Encodes a conversation as the prompt of its next message.</summary>
    /// <exception cref="ArgumentException">The tokenizer lacks a token of the template, or the conversation does not fit it.</exception>
    /// <exception cref="NotSupportedException">The template writes no calls of tools, and the conversation has some.</exception>
    internal int[] Encode(Conversation conversation, TextCodec codec) => ForTools is not null && conversation.Tools.Count > 0
        ? ForTools.Encode(conversation, codec)
        : Encode(Write(conversation, codec), codec).Ids;

    /// <summary>Encodes a conversation with tools as the prompt of its next message, which may call them.</summary>
    /// <param name="conversation">The conversation.</param>
    /// <param name="codec">The model's codec.</param>
    /// <param name="mode">Whether a tool has to be called.</param>
    /// <exception cref="NotSupportedException">The template writes no tools, or calls in a form that is not supported.</exception>
    /// <inheritdoc cref="Encode(Conversation, TextCodec)" path="/exception"/>
    internal ToolPrompt EncodeWithTools(Conversation conversation, TextCodec codec, ChatToolMode? mode)
    {
        if (ForTools is not null)
            return ForTools.EncodeWithTools(conversation, codec, mode);
        ChatText prompt = Write(conversation, codec);
        ToolCallForm form = ToolCallForm.Find(Name, conversation.Tools, part => Write(part, codec).Text);
        if (mode is not RequiredChatToolMode required)
            return new ToolPrompt(Encode(prompt, codec).Ids, new ToolCallScanner(form.Markup, conversation.Tools), null);
        (JinjaText begin, ChatResponseFormat format) = form.Require(required.RequiredFunctionName);
        return new ToolPrompt(
            Encode(prompt.With(begin), codec).Ids, new ToolCallScanner(form.Markup, conversation.Tools, begin.Value), format);
    }

    /// <summary>
    /// Encodes a conversation up to the end of its last answer, with the information which tokens are answers or end an answer.
    /// </summary>
    /// <inheritdoc cref="Encode(Conversation, TextCodec)" path="/exception"/>
    internal (int[] Ids, bool[] IsAnswer) EncodeAnswers(Conversation conversation, TextCodec codec)
    {
        (MarkedEncoding encoding, ChatAnswer[] answers) = Answers(conversation, codec);
        int[] ids = encoding.Ids;
        var isAnswer = new bool[ids.Length];
        foreach (ChatAnswer answer in answers)
            isAnswer.AsSpan(encoding.TokensBefore(answer.Start)..encoding.TokensBefore(answer.End)).Fill(true);
        int length = Array.LastIndexOf(isAnswer, true) + 1;
        return (ids[..length], isAnswer[..length]);
    }

    /// <summary>Codec and options with which a generated text ends where this template's answers do.</summary>
    internal (TextCodec Codec, TextGenerationOptions Options) ForAnswers(TextCodec codec, TextGenerationOptions options)
    {
        options = options.Copy();
        options.StopStrings = [.. options.StopStrings, .. _stopStrings];
        if (EndOfTurn(codec) is { } id)
            codec = codec with { Special = codec.Special with { Eos = id }, OtherEnds = [.. codec.Ends] };
        return (codec, options);
    }

    /// <summary>Writes a conversation as text, marks of the template included.</summary>
    internal string Render(Conversation conversation) => Write(conversation, null).Text.Value;

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static ChatTemplate BuiltIn(string name, string source, params string[] marks) =>
        new(name, JinjaTemplate.Parse(source), marks, []);

    private ChatText Write(Conversation conversation, TextCodec? codec)
    {
        try
        {
            return conversation.HasTools ? WriteWithTools(conversation, codec) : ChatText.Write(_template, conversation, codec, default);
        }
        catch (JinjaRefusal e)
        {
            throw new ArgumentException($"The chat template {Name} refuses the conversation: {Quoted.Message(e)}", e);
        }
        catch (JinjaException e)
        {
            throw new ArgumentException($"The chat template {Name} fails at the conversation: {Quoted.Message(e)}.", e);
        }
    }

    // Templates want calls in one of a few forms.
    private ChatText WriteWithTools(Conversation conversation, TextCodec? codec)
    {
        JinjaException? failure = null;
        ChatText? written = null;
        foreach (MessageForm form in MessageForm.All)
        {
            if (form.HasToolsInSystem && (codec?.IdOf(ChatVariables.CallBegin) is null || !_template.Source.Contains("tools")))
                continue;
            try
            {
                written = ChatText.Write(_template, conversation, codec, form);
                if (written.HasTools && written.HasCalls)
                    return written;
            }
            catch (JinjaException e)
            {
                failure ??= e;
            }
        }

        if (written is null)
            throw failure!;
        throw new NotSupportedException(conversation.Tools.Count > 0 && !written.HasTools
            ? $"{nameof(ChatOptions)}.{nameof(ChatOptions.Tools)} are set, and the chat template {Name} writes no tools: remove them, set "
                + $"{nameof(ChatOptions.ToolMode)} to {nameof(ChatToolMode.None)}, or pass a template that does."
            : $"The conversation has calls of tools or their results, and the chat template {Name} does not write them: pass a template "
                + "that does.");
    }

    private MarkedEncoding Encode(ChatText text, TextCodec codec)
    {
        foreach (string mark in _marks)
        {
            if (codec.IdOf(mark) is null)
                throw new ArgumentException(
                    $"The chat template {Name} needs the token {mark}, which the model's tokenizer lacks: pass another "
                    + $"{nameof(ChatTemplate)}.");
        }

        return codec.EncodeMarked(text.Marked(Source), _marks);
    }

    private (MarkedEncoding Encoding, ChatAnswer[] Answers) Answers(Conversation conversation, TextCodec codec)
    {
        (MarkedEncoding Encoding, ChatAnswer[] Answers) found = Find(conversation);
        if (found.Answers.LastOrDefault() is not { EndMark: null } || !conversation.Turns[^1].IsAnswer)
            return found;

        // Some templates end an answer only where another message follows.
        ChatAnswer[] followed = Find(conversation.WithQuestion()).Answers;
        return followed is [.., { EndMark: not null }]
            && followed.Length == found.Answers.Length ? Find(conversation.WithQuestion()) : found;

        (MarkedEncoding Encoding, ChatAnswer[] Answers) Find(Conversation whole)
        {
            ChatText text = Write(whole, codec);
            MarkedEncoding encoding = Encode(text, codec);
            return (encoding, [.. ChatAnswer.Find(whole, text, [.. encoding.Marks], _stopStrings, part => TryWrite(part, codec))]);
        }
    }

    // A part of a conversation may be none for the template.
    private string? TryWrite(Conversation part, TextCodec codec)
    {
        try
        {
            return Write(part, codec).Text.Value;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    // The mark that follows an answer.
    private int? EndOfTurn(TextCodec codec)
    {
        var sample = new Conversation(
            [new ChatTurn(Conversation.User, "a"), new ChatTurn(Conversation.Assistant, "b")], wantsAnswer: false);
        try
        {
            return Answers(sample, codec).Answers.LastOrDefault()?.EndMark;
        }
        catch (ArgumentException)
        {
            // An invalid template is reported where it is used.
            return null;
        }
    }
}
