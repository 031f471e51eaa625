using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;
using Module10.Models;
using Samples.Shared;

namespace Module10.Rooms.Music;

/// <summary>A language model of the melodies of chorales, in all keys.</summary>
internal sealed class MelodyModel(CapstoneOptions options) : RoomModel(options, "music")
{
    public const int Lowest = 55;
    public const int Highest = 84;
    public const int StepsPerQuarter = 2;

    // A model that knows less than these teach it never ends a step of the music.
    private const int FewestSteps = 20;

    public MusicComposer Composer => new(Require<LanguageModelTransformer>());

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        MusicTokens tokens = MusicTokens.PianoRoll(StepsPerQuarter, lowest: Lowest, highest: Highest);
        IDataView rows = TextData.Rows(ml, [.. Chorales.Load(ml, Math.Max(8, Options.Steps(229)))
            .Select(piece => piece.OfVoice(0).WithKey(MusicKey.Estimate(piece)))
            .InKeys(lowestPitch: Lowest, highestPitch: Highest).Select(tokens.Encode)]);
        return (ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = tokens.Tokenizer,
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 3, Heads = 4, EmbeddingSize = 64, ContextLength = 192 },
            Dropout = 0.1,
            BatchSize = 16,
            MaxSteps = Math.Max(FewestSteps, Options.Steps(600)),
            LearningRate = 3e-3,
            EmaDecay = 0.99,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }
}
