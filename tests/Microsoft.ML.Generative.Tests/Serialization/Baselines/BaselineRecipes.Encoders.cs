using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

internal static partial class BaselineRecipes
{
    private static BaselineRecipe MaskedBert => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) => ml.Transforms.Generative().MaskedLanguageModel(Encoder(new MaskedLanguageModelOptions
        {
            Architecture = TinyBert with { FirstPosition = 1, SegmentCount = 1, FeedForward = FeedForwardKind.GeluTanh },
            OutputColumnName = "Whole",
            MaskProbability = 0.3,
            WholeWords = true,
        }).With(configure)).Fit(BaselineRows.Texts(ml)),
        MeasureMasked)
    { IsCurrent = true, Stages = ["masked-language-model"] };

    private static BaselineRecipe SentencePairs => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) => ml.Transforms.Generative().SentenceEmbedding(Encoder(new SentenceEmbeddingOptions
        {
            Architecture = TinyBert with { HasPooler = true },
            PairColumnName = "Prompt",
            OutputColumnName = "Vector",
            Pooling = EmbeddingPooling.Pooler,
            Normalize = false,
        }).With(configure)).Fit(BaselineRows.Texts(ml)),
        MeasureEmbedding)
    { IsCurrent = true, Stages = ["encoder"] };

    private static BaselineRecipe ModernSentences => new(
        ml => BaselineRows.Texts(ml),
        (ml, configure) => ml.Transforms.Generative().SentenceEmbedding(Encoder(new SentenceEmbeddingOptions
        {
            Architecture = TinyBert with
            {
                Layers = 3,
                Positions = PositionEncoding.Rotary,
                SegmentCount = 0,
                IsPreNorm = true,
                HasFirstNorm = false,
                HasBias = false,
                FeedForward = FeedForwardKind.GeGlu,
                LocalAttention = 4,
                GlobalAttentionInterval = 2,
                LocalRotaryBase = 500,
            },
        }).With(configure)).Fit(BaselineRows.Texts(ml)),
        MeasureEmbedding)
    { IsCurrent = true };

    private static BaselineRecipe TextPairs => new(
        BaselineRows.Preferences,
        (ml, configure) => ml.Transforms.Generative().TextClassification(Encoder(new TextClassificationOptions
        {
            Architecture = TinyBert,
            Sentence1ColumnName = "Prompt",
            Sentence2ColumnName = "Chosen",
            ScoreColumnName = "Probabilities",
            Pooling = EmbeddingPooling.Mean,
        }).With(configure)).Fit(Labeled(ml)),
        MeasureClasses)
    { IsCurrent = true, Stages = ["classifier"] };

    private static BaselineRecipe ClassesWithAdapter => new(
        BaselineRows.Preferences,
        (ml, configure) =>
        {
            using SentenceEmbeddingTransformer encoder = ml.Transforms.Generative().SentenceEmbedding(Encoder(
                new SentenceEmbeddingOptions { Architecture = TinyBert, PairColumnName = "Prompt" })).Fit(BaselineRows.Texts(ml));
            TextClassificationOptions options = Encoder(new TextClassificationOptions
            {
                Sentence1ColumnName = "Prompt",
                BaseModel = encoder,
                Adapter = new LoraOptions { Name = "topic", Rank = 2, UseDora = true },
            });
            options.Tokenizer = null;
            return ml.Transforms.Generative().TextClassification(options.With(configure)).Fit(Labeled(ml));
        },
        MeasureClasses)
    { IsCurrent = true };

    private static EncoderArchitecture TinyBert { get; } = new()
    {
        Layers = 2,
        Heads = 2,
        EmbeddingSize = 8,
        FeedForwardSize = 12,
        ContextLength = 20,
    };

    // Worse ends as classes with names.
    private static IDataView Labeled(MLContext ml)
    {
        IDataView rows = BaselineRows.Preferences(ml);
        return ml.Transforms.Conversion.MapValueToKey("Label", "Rejected").Fit(rows).Transform(rows);
    }

    private static TOptions Encoder<TOptions>(TOptions options)
        where TOptions : EncoderTrainingOptions
    {
        options.Tokenizer = GenerativeTokenizers.TrainWordPiece(BaselineRows.AllTexts, 48);
        return Brief(options).With(o => o.BatchSize = 4);
    }

    private static void MeasureEncoder(EncoderTransformer model, BaselineOutputs outputs)
    {
        outputs.Add("Sizes", [model.Architecture.VocabularySize, model.Architecture.CountParameters(), model.MaxTokens]);
        outputs.Add("Tokens", model.Tokens("the hen has my hat."));
        outputs.Add("Attention", model.Attention("a dog sees").SelectMany(layer => layer.Cast<float>()));
    }

    private static void MeasureMasked(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (MaskedLanguageModelTransformer)transformer;
        MeasureEncoder(model, outputs);
        IReadOnlyList<TokenPrediction> found = model.FillMask($"the {model.Mask} sees a fish.", top: 4);
        outputs.Add("Probabilities", found.Select(prediction => prediction.Probability));
        outputs.Add("Filled", found.Select(prediction => prediction.Filled));
        outputs.Add("Columns", model.Transform(BaselineRows.Texts(ml, 1)).Schema.Select(column => column.Name));
    }

    private static void MeasureEmbedding(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (SentenceEmbeddingTransformer)transformer;
        MeasureEncoder(model, outputs);
        outputs.Add("Kinds", [$"{model.Pooling}", $"{model.IsNormalized}"]);
        IDataView rows = model.Transform(BaselineRows.Texts(ml, 4));
        outputs.Add("Vectors", Vectors(rows, rows.Schema[^1].Name));
        outputs.Add("Column", [rows.Schema[^1].Name]);
    }

    private static void MeasureClasses(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (TextClassificationTransformer)transformer;
        MeasureEncoder(model, outputs);
        outputs.Add("Classes", model.ClassNames.Append(model.ActiveAdapter ?? "none"));
        IDataView rows = model.Transform(BaselineRows.Preferences(ml));
        outputs.Add("Scores", Vectors(rows, rows.Schema[^1].Name));
        outputs.Add("Columns", rows.Schema.Select(column => $"{column.Name} {column.Type}"));
    }
}
