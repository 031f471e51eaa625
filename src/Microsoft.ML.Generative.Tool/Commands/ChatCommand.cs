using System.CommandLine;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary><c>generative chat</c>: a conversation, a line each.</summary>
internal sealed class ChatCommand
{
    private const string Clear = "/clear";
    private const string Exit = "/exit";

    private readonly TextReader _input;
    private readonly Argument<string> _model = ModelArgument.New();
    private readonly Option<string?> _system = new("--system") { Description = "The system message, before the conversation." };
    private readonly Option<string?> _adapter = new("--adapter") { Description = "The adapter to use." };
    private readonly TextOptions _text = new();

    public ChatCommand(TextReader input)
    {
        _input = input;
        Command = new CliCommand("chat", $"Talks with a language model. {Clear} begins again, {Exit} ends.") { _model, _system, _adapter };
        _text.AddTo(Command);
        Command.SetAction(RunAsync);
    }

    public CliCommand Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ITransformer model = ModelArgument.Load(parsed.GetValue(_model)!, parsed.GetValue(_adapter));
        using var owner = model as IDisposable;
        LanguageModelTransformer language = model as LanguageModelTransformer
            ?? throw new NotSupportedException($"{ModelArgument.NameOf(model)} is no language model, and answers nothing.");
        TextWriter output = parsed.InvocationConfiguration.Output;
        TextGenerationOptions options = _text.Of(parsed, language.Generator.Defaults);
        // A conversation whose beginning is forgotten without a word would surprise.
        options.ContextOverflow = ContextOverflow.Error;
        using var chat = new LanguageModelChatClient(language, language.Generator.Template, options) { FillsContext = true };
        var limits = new ChatOptions { MaxOutputTokens = _text.MaxTokens(parsed) };
        ChatMessage[] beginning = parsed.GetValue(_system) is { } system ? [new ChatMessage(ChatRole.System, system)] : [];
        List<ChatMessage> messages = [.. beginning];
        while (true)
        {
            await output.WriteAsync("> ").ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
            string? line = await _input.ReadLineAsync(cancellation).ConfigureAwait(false);
            switch (line?.Trim())
            {
                case null or Exit:
                    return 0;
                case "":
                    continue;
                case Clear:
                    messages = [.. beginning];
                    continue;
            }

            messages.Add(new ChatMessage(ChatRole.User, line));
            try
            {
                messages.AddMessages(await AnswerAsync(chat, messages, limits, output, cancellation).ConfigureAwait(false));
            }
            catch (ArgumentException e)
            {
                // Such as a conversation that has outgrown the context: the line did not happen.
                messages.RemoveAt(messages.Count - 1);
                await parsed.InvocationConfiguration.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            }
        }
    }

    private static async Task<ChatResponse> AnswerAsync(
        LanguageModelChatClient chat, List<ChatMessage> messages, ChatOptions options, TextWriter output, CancellationToken cancellation)
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync(messages, options, cancellation).ConfigureAwait(false))
        {
            updates.Add(update);
            await output.WriteAsync(update.Text).ConfigureAwait(false);
            await output.FlushAsync(cancellation).ConfigureAwait(false);
        }

        await output.WriteLineAsync().ConfigureAwait(false);
        return updates.ToChatResponse();
    }
}
