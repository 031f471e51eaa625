using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;
using Module10.Models;
using Samples.Shared;

namespace Module10.Rooms.Music;

/// <summary>A language model of the melodies of chorales, in C major and A minor.</summary>
internal sealed class MelodyModel(CapstoneOptions options) : RoomModel(options, "music")
{
    public const int Lowest = 55;
    public const int Highest = 84;
    public const int StepsPerQuarter = 2;

    // A melody within the range above, transposed to C major or A minor.
    private const int LowestLearned = 45;
    private const int HighestLearned = 90;

    // A model that knows less than these teach it never ends a step of the music.
    private const int FewestSteps = 20;

    public TransposingComposer Composer => new(new MusicComposer(Require<LanguageModelTransformer>()));

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        MusicTokens tokens = MusicTokens.PianoRoll(StepsPerQuarter, lowest: LowestLearned, highest: HighestLearned);
        IDataView rows = TextData.Rows(ml, [.. Chorales.Load(ml, Math.Max(8, Options.Steps(229)))
            .Select(piece => piece.OfVoice(0).WithKey(MusicKey.Estimate(piece)))
            .Select(melody => melody.Transpose(melody.Keys[0].Key.SemitonesToNatural)).Select(tokens.Encode)]);
        return (ml.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = tokens.Tokenizer,
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 3, Heads = 4, EmbeddingSize = 64, ContextLength = 192 },
            Dropout = 0.15,
            BatchSize = 8,
            MaxSteps = Math.Max(FewestSteps, Options.Steps(700)),
            LearningRate = 3e-3,
            EmaDecay = 0.99,
            Threads = CapstoneOptions.Threads,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }
}
