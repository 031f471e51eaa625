using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Shows how the model completes <see cref="LanguageModelOptions.SamplePrompt"/>.</summary>
internal sealed class LanguageModelPreview : ITrainingPreview
{
    private readonly TrainingRun _run;
    private readonly string _prompt;
    private readonly int[] _tokens;
    private readonly TextGenerationOptions _generation;
    private readonly TextGenerator _generator;

    private LanguageModelPreview(TrainingRun run, string prompt, int[] tokens, TextGenerationOptions generation, TextGenerator generator)
    {
        (_run, _prompt, _tokens, _generation, _generator) = (run, prompt, tokens, generation, generator);
    }

    /// <summary>The preview, or <see langword="null"/> if there is no prompt.</summary>
    public static LanguageModelPreview? Open(TrainingRun run, LanguageModelOptions options, TextCodec codec, LanguageModelNetwork network)
    {
        if (options.SamplePrompt is not { } prompt)
            return null;
        TextGenerationOptions generation = options.Generation;
        int[] tokens;
        if (options.MessagesColumnName is null)
        {
            tokens = Encode(codec, prompt);
        }
        else
        {
            tokens = options.ChatTemplate!.Encode(new Conversation([new ChatTurn(Conversation.User, prompt)], wantsAnswer: true), codec);
            (codec, generation) = options.ChatTemplate.ForAnswers(codec, generation);
        }

        int context = options.Architecture.ContextLength;
        var generator = new TextGenerator(codec, context, streams => LanguageModelSessions.Open(network, streams, context, run.Device));
        return new LanguageModelPreview(run, prompt, tokens, generation, generator);
    }

    private static int[] Encode(TextCodec codec, string prompt)
    {
        try
        {
            return codec.EncodePrompt(prompt);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{nameof(LanguageModelOptions.SamplePrompt)} cannot be used. {e.Message}", e);
        }
    }

    public IReadOnlyList<PreviewItem> Make(torch.Generator generator)
    {
        GenerationRequest[] requests = [new GenerationRequest(_tokens, _run.Seed)];
        return [new TextPreview("sample", _prompt + _generator.GenerateAll(requests, _generation, 1, _run.StopIfCancelled)[0].Text)];
    }

    public void Dispose()
    {
    }
}
