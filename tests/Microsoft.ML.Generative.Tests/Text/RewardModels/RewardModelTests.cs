using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class RewardModelTests
{
    private static readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void The_loss_is_that_of_Bradley_and_Terry_with_margin_and_centering()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor chosen = torch.tensor(new[] { 1f, 0f, 2f }), rejected = torch.tensor(new[] { 0f, 0f, 3f });
        torch.Tensor margins = torch.tensor(new[] { 0f, 0f, 0.5f });

        Losses plain = RewardObjective.Losses(chosen, rejected, margins, centering: 0);
        double expected = (Softplus(-1) + Math.Log(2) + Softplus(1.5)) / 3;
        Assert.Equal(expected, plain.Total.ToDouble(), 6);
        Assert.Equal(expected + 0.1 * (1 + 0 + 25) / 3.0, RewardObjective.Losses(chosen, rejected, margins, 0.1).Total.ToDouble(), 5);
        Dictionary<string, double> terms = plain.Terms.ToDictionary(t => t.Name, t => t.Value.ToDouble());
        Assert.Equal(1 / 3.0, terms["accuracy"], 6);
        Assert.Equal(0, terms["margin"], 6);
        Assert.Equal(1, terms["score"], 6);

        static double Softplus(double x) => Math.Log(1 + Math.Exp(x));
    }

    [Fact]
    public void It_learns_which_texts_are_better_and_scores_others_of_the_kind()
    {
        RewardModelOptions options = TinyPreferences.RewardOptions();
        (options.MaxSteps, options.LearningRate, options.Seed) = (60, 0.01, 2);
        using RewardModelTransformer model = _ml.Transforms.Generative().RewardModel(options).Fit(TinyPreferences.Data(_ml));

        Assert.True(model.Score("a dog eats a fish.") > model.Score("a dog eats the hat.") + 1);
        RewardModelMetrics metrics = _ml.Generative().EvaluateRewardModel(model, TinyPreferences.Data(_ml));
        Assert.Equal(18, metrics.Pairs);
        Assert.Equal(1, metrics.Accuracy);
        float[] chosen = Scores(model, "Chosen"), rejected = Scores(model, "Rejected");
        float[] margins = [.. chosen.Zip(rejected, (a, b) => a - b)];
        Assert.Equal(margins.Average(), metrics.Margin, 4);
        Assert.Equal(Math.Sqrt(margins.Average(m => m * m) - Math.Pow(margins.Average(), 2)), metrics.MarginStandardDeviation, 3);
        Assert.Equal(chosen.Concat(rejected).Average(), metrics.MeanScore, 4);
        Assert.Equal(margins.Average(m => Math.Log(1 + Math.Exp(-m))), metrics.Loss, 4);

        float[] Scores(RewardModelTransformer model, string column) =>
            [.. TinyPreferences.Data(_ml).GetColumn<string>(column).Select(text => model.Score(text))];
    }

    [Fact]
    public void The_score_is_at_the_last_real_token_whatever_is_behind_it()
    {
        RewardModelOptions options = TinyPreferences.RewardOptions();
        options.MaxSteps = 1;
        using RewardModelTransformer model = _ml.Transforms.Generative().RewardModel(options).Fit(TinyPreferences.Data(_ml));
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        int[] text = model.Codec.EncodeDocument("a fish."), longer = model.Codec.EncodeDocument("the cat sees a fish.");
        // The token that ends a text is also a real one: it is what padding could be confused with.
        Assert.Equal(model.Codec.End, text[^1]);
        int end = model.Codec.End!.Value;

        float alone = TensorMemory.ToArray<float>(model.ScoresOf([text]))[0];
        Assert.Equal(alone, TensorMemory.ToArray<float>(model.ScoresOf([longer, text]))[1], 5);
        torch.Tensor padded = torch.tensor([.. text.Select(t => (long)t), end, end, end], [1, text.Length + 3]);
        torch.Tensor score = model.Networks.Network.Scores(padded, torch.tensor(new[] { text.Length - 1L }));
        Assert.Equal(alone, score.ToSingle(), 5);
        Assert.Equal(alone, model.Score("a fish."), 5);
    }

    [Fact]
    public void A_new_score_head_is_announced_and_one_that_continues_is_not()
    {
        MLContext ml = new(seed: 1);
        List<string> log = Logs.Of(ml);
        using RewardModelTransformer first = ml.Transforms.Generative().RewardModel(TinyPreferences.RewardOptions())
            .Fit(TinyPreferences.Data(ml));
        Assert.Single(log, line => line.Contains("score head is new"));

        log.Clear();
        RewardModelOptions options = TinyPreferences.RewardOptions();
        (options.BaseModel, options.RewardModel) = (null, first);
        ml.Transforms.Generative().RewardModel(options).Fit(TinyPreferences.Data(ml)).Dispose();
        Assert.DoesNotContain(log, line => line.Contains("score head"));
    }

    [Fact]
    public void An_adapter_and_the_head_are_trained_over_a_base_that_stays_and_are_saved()
    {
        RewardModelOptions options = TinyPreferences.RewardOptions();
        options.Adapter = new LoraOptions { Rank = 2 };
        (options.MaxSteps, options.LearningRate) = (40, 0.01);
        IDataView data = TinyPreferences.Data(_ml);
        using RewardModelTransformer model = _ml.Transforms.Generative().RewardModel(options).Fit(data);

        using torch.Tensor own = model.Networks.Decoder.Base.Tokens.Weight.detach();
        using torch.Tensor given = TinyPreferences.Model.Network.Tokens.Weight.detach();
        Assert.Equal(TensorMemory.ToArray<float>(given), TensorMemory.ToArray<float>(own));
        Assert.True(_ml.Generative().EvaluateRewardModel(model, data).Accuracy > 0.9);
        using var file = new MemoryStream();
        _ml.Model.Save(model, data.Schema, file);
        using var loaded = (RewardModelTransformer)_ml.Model.Load(file, out _);
        Assert.Equal(options.Adapter.Name, loaded.ActiveAdapter);
        Assert.Equal(model.Score("a fish."), loaded.Score("a fish."));

        // The adapter learns on.
        RewardModelOptions further = TinyPreferences.RewardOptions();
        (further.BaseModel, further.RewardModel, further.MaxSteps) = (null, loaded, 20);
        using RewardModelTransformer second = _ml.Transforms.Generative().RewardModel(further).Fit(data);
        Assert.Equal(options.Adapter.Name, second.ActiveAdapter);
        Assert.True(_ml.Generative().EvaluateRewardModel(second, data).Loss < _ml.Generative().EvaluateRewardModel(model, data).Loss);
        Assert.Equal(model.Score("a fish."), loaded.Score("a fish."));
    }

    [Fact]
    public void Prompts_are_read_where_the_model_scores_too()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(
        [
            new PreferenceRow { Prompt = "the cat ", Chosen = "sees a fish.", Rejected = "eats corn.", Margin = 1 },
            new PreferenceRow { Prompt = "a dog ", Chosen = "eats corn.", Rejected = "sees a fish." },
        ]);
        RewardModelOptions options = TinyPreferences.RewardOptions();
        (options.PromptColumnName, options.MarginColumnName, options.InputColumnName) = ("Prompt", "Margin", "Rejected");
        (options.MaxSteps, options.LearningRate) = (100, 0.01);
        using RewardModelTransformer model = _ml.Transforms.Generative().RewardModel(options).Fit(data);

        Assert.Equal(1, _ml.Generative().EvaluateRewardModel(model, data).Accuracy);
        float[] scores = [.. model.Transform(data).GetColumn<float>("Score")];
        Assert.Equal(model.Score("eats corn.", "the cat "), scores[0], 4);
        Assert.Equal(model.Score("sees a fish.", "a dog "), scores[1], 4);
        Assert.Contains("'Prompt'", Assert.ThrowsAny<ArgumentException>(
            () => model.Transform(_ml.Transforms.DropColumns("Prompt").Fit(data).Transform(data))).Message);
    }

    [Fact]
    public void Wrong_options_columns_and_rows_are_named()
    {
        RewardModelOptions options = TinyPreferences.RewardOptions();
        options.BaseModel = null;
        Assert.Contains("BaseModel and RewardModel are not set", Assert.Throws<ArgumentException>(Create).Message);
        options = TinyPreferences.RewardOptions();
        options.RejectedColumnName = "Chosen";
        Assert.Contains("'Chosen'", Assert.Throws<ArgumentException>(Create).Message);
        options = TinyPreferences.RewardOptions();
        options.MarginColumnName = "Prompt";
        IDataView data = TinyPreferences.Data(_ml);
        Assert.Contains("'Prompt' has type", Assert.ThrowsAny<ArgumentException>(() => Create().Fit(data)).Message);
        options = TinyPreferences.RewardOptions();
        IDataView foreign = _ml.Data.LoadFromEnumerable([new PreferenceRow { Chosen = "a fish.", Rejected = "ÄÖÜ" }]);
        Assert.Contains("Column 'Rejected', row 0", Assert.Throws<InvalidDataException>(() => Create().Fit(foreign)).Message);
        string large = new('a', 100);
        foreign = _ml.Data.LoadFromEnumerable([new PreferenceRow { Chosen = "a fish.", Rejected = large }]);
        Assert.Contains("at most 24 tokens", Assert.Throws<ArgumentException>(() => Create().Fit(foreign)).Message);

        using RewardModelTransformer model = Create().Fit(data);
        foreign = _ml.Data.LoadFromEnumerable([new PreferenceRow { Chosen = large }]);
        Assert.Contains("Column 'Chosen', row 0: The text has 101 tokens; expected 1 to 24", Assert.Throws<InvalidDataException>(
            () => model.Transform(foreign).GetColumn<float>("Score").ToArray()).Message);
        Assert.Contains("101 tokens", Assert.Throws<ArgumentException>(() => model.Score(large)).Message);

        RewardModelEstimator Create() => _ml.Transforms.Generative().RewardModel(options);
    }
}
