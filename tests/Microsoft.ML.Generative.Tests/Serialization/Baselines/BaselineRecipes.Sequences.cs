using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Tokenizers;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

internal static partial class BaselineRecipes
{
    private static BaselineRecipe Sequences => SequencesOf(["encoder-decoder"], () => new SequenceToSequenceOptions
    {
        Architecture = TinySequences with { FeedForward = FeedForwardKind.GeGluTanh, TieEmbeddings = false },
        InputColumnName = "Text",
        TargetColumnName = "Prompt",
        OutputColumnName = "Shorter",
        Prefix = "cut: ",
        Generation = new TextGenerationOptions { MaxTokens = 8, Temperature = 0.7, TopK = 5, Seed = 9 },
    });

    private static BaselineRecipe CorruptedSpans => SequencesOf(null, () => new SequenceToSequenceOptions
    {
        Architecture = TinySequences,
        SpanCorruption = new SpanCorruptionOptions { Density = 0.2 },
        MaxSourceTokens = 24,
        Generation = new TextGenerationOptions { MaxTokens = 8, Beams = 2 },
    });

    // An adapter over weights of 8 bits.
    private static BaselineRecipe SequencesWithAdapter => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) =>
        {
            using var floats = (SequenceToSequenceTransformer)Sequences.Fit(ml, _ => { });
            using SequenceToSequenceTransformer integers = floats.Quantize(WeightFormat.Int8);
            return ml.Transforms.Generative().SequenceToSequence(Brief(new SequenceToSequenceOptions
            {
                InputColumnName = "Text",
                TargetColumnName = "Prompt",
                BaseModel = integers,
                Adapter = new LoraOptions { Name = "shorter", Rank = 2, TargetModules = ["q", "v", "cross.output"] },
                Generation = new TextGenerationOptions { MaxTokens = 8, Temperature = 0 },
            }).With(o => o.BatchSize = 4).With(configure)).Fit(BaselineRows.Texts(ml));
        },
        (ml, transformer, outputs) =>
        {
            var model = (SequenceToSequenceTransformer)transformer;
            MeasureSequences(ml, model, outputs);
            outputs.Add("Adapters", model.Adapters.Append($"{model.ActiveAdapter} over {model.WeightFormat}"));
        })
    { IsCurrent = true };

    private static SequenceToSequenceArchitecture TinySequences => SequenceToSequenceArchitecture.T5Small with
    {
        VocabularySize = 0,
        Layers = 2,
        DecoderLayers = 1,
        Heads = 2,
        EmbeddingSize = 8,
        FeedForwardSize = 12,
        PositionBuckets = 8,
        MaxPositionDistance = 20,
    };

    private static BaselineRecipe SequencesOf(string[]? stages, Func<SequenceToSequenceOptions> options) => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) =>
        {
            SequenceToSequenceOptions own = options();
            own.Tokenizer = GenerativeTokenizers.CharacterLevel(
                BaselineRows.AllTexts.Append("cut: "), new CharacterLevelOptions { EndOfTextToken = "<end>" });
            return ml.Transforms.Generative().SequenceToSequence(Brief(own).With(o => o.BatchSize = 4).With(configure))
                .Fit(BaselineRows.Texts(ml));
        },
        MeasureSequences)
    { IsCurrent = true, Stages = stages };

    private static void MeasureSequences(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (SequenceToSequenceTransformer)transformer;
        outputs.Add("Sizes", [model.Architecture.VocabularySize, model.Architecture.CountParameters(), model.StartTokenId]);
        using (torch.no_grad())
        using (torch.NewDisposeScope())
        {
            torch.Tensor source = torch.tensor(new long[] { 3, 1, 4, 1, 5 }, [1, 5]);
            torch.Tensor logits = model.Network.Logits(source, null, torch.tensor(new long[] { model.StartTokenId, 2, 6 }, [1, 3]));
            outputs.Add("Logits", TensorMemory.ToArray<float>(logits.contiguous()));
        }

        IDataView written = model.Transform(BaselineRows.Texts(ml, 4));
        outputs.Add("Column", [written.Schema[^1].Name]);
        outputs.Add("Rows", written.GetColumn<string>(written.Schema[^1].Name));
        var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 6 };
        outputs.Add("Texts", [model.Generate("a dog"), model.Generate("the hat.", greedy)]);
    }
}
