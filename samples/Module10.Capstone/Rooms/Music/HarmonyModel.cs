using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Music;
using Module10.Models;
using Samples.Shared;

namespace Module10.Rooms.Music;

/// <summary>
/// A masked language model of four voices, which finds three to a given one. It knows C major and A minor alone, and what is around them:
/// see <see cref="MusicHarmonizer.HarmonizeInNaturalKey"/>.
/// </summary>
internal sealed class HarmonyModel(CapstoneOptions options) : RoomModel(options, "harmony")
{
    private const int LowestPitch = 30;
    private const int HighestPitch = 90;

    private const int QuartersSeen = 8;

    // A token that begins a text, and two bars of four voices.
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
            .Select(piece => piece.Transpose(MusicKey.Estimate(piece).SemitonesToNatural))];
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
            BatchSize = 32,
            MaxSteps = Options.Steps(1_200),
            LearningRate = 2e-3,
            Threads = CapstoneOptions.Threads,
            Progress = progress,
            CancellationToken = cancellation,
        }).Fit(rows), rows);
    }
}
