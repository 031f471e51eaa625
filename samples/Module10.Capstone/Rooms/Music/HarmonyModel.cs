using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;
using Module10.Models;
using Samples.Shared;

namespace Module10.Rooms.Music;

/// <summary>A masked language model of four voices, which finds three to a given one.</summary>
internal sealed class HarmonyModel(CapstoneOptions options) : RoomModel(options, "harmony")
{
    private const int LowestPitch = 36;
    private const int HighestPitch = 84;

    private const int QuartersSeen = 16;

    // A token that begins a text, and four bars of four voices.
    private const int Context = 1 + 4 * QuartersSeen * MelodyModel.StepsPerQuarter;

    // But for the first, layers look at two steps before and two behind alone: which notes fit together is soon learned there.
    private const int NearWords = 4 * 4;

    public MusicHarmonizer Harmonizer => new(Require<MaskedLanguageModelTransformer>());

    protected override (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        MusicTokens tokens = MusicTokens.Voices(MelodyModel.StepsPerQuarter, LowestPitch, HighestPitch);
        // Whole pieces, for their ends, and parts that begin at any bar.
        NoteSequence[] pieces = [.. Chorales.Load(ml, Math.Max(8, Options.Steps(229)))
            .InKeys(lowestPitch: LowestPitch, highestPitch: HighestPitch)];
        IDataView rows = TextData.Rows(ml, [.. pieces.Concat(pieces.InParts(QuartersSeen, hop: 4)).Select(tokens.Encode)]);
        return (ml.Transforms.Generative().MaskedLanguageModel(new MaskedLanguageModelOptions
        {
            Tokenizer = tokens.Tokenizer,
            Architecture = new EncoderArchitecture
            {
                Layers = 3,
                Heads = 4,
                EmbeddingSize = 96,
                ContextLength = Context,
                SegmentCount = 0,
                IsPreNorm = true,
                LocalAttention = NearWords,
            },
            MaxTokens = Context,
            Masking = MaskingKind.OrderAgnostic,
            Dropout = 0.05,
            BatchSize = 16,
            MaxSteps = Options.Steps(1_000),
            LearningRate = 2e-3,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }
}
