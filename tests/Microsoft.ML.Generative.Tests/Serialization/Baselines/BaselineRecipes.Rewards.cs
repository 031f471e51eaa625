using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

internal static partial class BaselineRecipes
{
    private static BaselineRecipe RewardModel => Reward(["reward-model"], () => new RewardModelOptions
    {
        PromptColumnName = "Prompt",
        MarginColumnName = "Margin",
        CenteringCoefficient = 0.01,
    });

    private static BaselineRecipe RewardModelWithAdapter => Reward(null, () => new RewardModelOptions
    {
        InputColumnName = "Rejected",
        OutputColumnName = "Quality",
        Adapter = new LoraOptions { Name = "quality", Rank = 2, UseRsLora = true },
    });

    private static BaselineRecipe Reward(string[]? stages, Func<RewardModelOptions> options) => new(
        BaselineRows.Preferences,
        (ml, configure) =>
        {
            using LanguageModelTransformer languageModel = ml.Transforms.Generative().LanguageModel(Brief(new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.GptNano with { ContextLength = 32, Layers = 1, Heads = 2, EmbeddingSize = 8 },
                Tokenizer = GenerativeTokenizers.CharacterLevel(
                    BaselineRows.AllTexts, new CharacterLevelOptions { EndOfTextToken = "<end>" }),
            })).Fit(BaselineRows.Texts(ml));
            RewardModelOptions own = options();
            own.BaseModel = languageModel;
            return ml.Transforms.Generative().RewardModel(Brief(own).With(o => o.BatchSize = 4).With(configure))
                .Fit(BaselineRows.Preferences(ml));
        },
        MeasureRewardModel)
    { IsCurrent = true, Stages = stages };

    private static void MeasureRewardModel(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (RewardModelTransformer)transformer;
        IDataView rows = BaselineRows.Preferences(ml);
        RewardModelMetrics metrics = ml.Generative().EvaluateRewardModel(model, rows);
        outputs.Add("Sizes", [model.Architecture.VocabularySize, model.Architecture.CountParameters(), metrics.Pairs]);
        outputs.Add("Metrics", [(float)metrics.Loss, (float)metrics.Accuracy, (float)metrics.Margin, (float)metrics.MeanScore]);
        IDataView scored = model.Transform(rows);
        outputs.Add("Scores", Values(scored, scored.Schema[^1].Name));
        outputs.Add("Columns", [scored.Schema[^1].Name, model.ActiveAdapter ?? "none"]);
        outputs.Add("Texts", [model.Score("the cat sees a fish."), model.Score("corn.", "my hen eats the ")]);
    }
}
