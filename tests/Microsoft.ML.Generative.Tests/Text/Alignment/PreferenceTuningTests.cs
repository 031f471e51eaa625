using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Tests.Text.Alignment;

/// <summary>DPO and KTO on sentences of a tiny grammar, of which those with a fish are better.</summary>
public sealed class PreferenceTuningTests
{
    private static readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void The_first_step_of_DPO_has_the_loss_log_2_and_margin_0()
    {
        var reports = new Reports();
        DpoOptions options = TinyAlignment.Dpo();
        (options.MaxSteps, options.Progress) = (1, reports);
        _ml.Transforms.Generative().Dpo(options).Fit(TinyAlignment.Pairs(_ml)).Dispose();
        Assert.Equal(Math.Log(2), reports.All[0].Loss, 5);
        Assert.Equal(0, reports.All[0].LossTerms["reward margin"], 5);
        Assert.Equal(0, reports.All[0].LossTerms["chosen reward"], 5);
    }

    [Theory]
    [InlineData(DpoLoss.Sigmoid, 0)]
    [InlineData(DpoLoss.Sigmoid, 0.1)]
    [InlineData(DpoLoss.Hinge, 0)]
    [InlineData(DpoLoss.Ipo, 0)]
    [InlineData(DpoLoss.Robust, 0.1)]
    public void DPO_prefers_the_better_completions_more_than_its_reference_does(DpoLoss loss, double smoothing)
    {
        var reports = new Reports();
        DpoOptions options = TinyAlignment.Dpo();
        (options.Loss, options.LabelSmoothing, options.Progress, options.MaxSteps) = (loss, smoothing, reports, 12);
        using LanguageModelTransformer model = _ml.Transforms.Generative().Dpo(options).Fit(TinyAlignment.Pairs(_ml));
        Assert.True(reports.All[^1].RecentLossTerms["reward margin"] > 0.02, $"{reports.All[^1].RecentLossTerms["reward margin"]}");
        Assert.True(reports.All[^1].RecentLossTerms["reward accuracy"] > 0.6);
    }

    [Fact]
    public void Without_a_reference_the_margin_is_that_of_the_policy_alone()
    {
        var reports = new Reports();
        DpoOptions options = TinyAlignment.Dpo();
        (options.IsReferenceFree, options.MaxSteps, options.Progress, options.Beta) = (true, 1, reports, 1);
        options.BatchSize = 18;
        _ml.Transforms.Generative().Dpo(options).Fit(TinyAlignment.Pairs(_ml)).Dispose();
        LanguageModelTransformer model = TinyPreferences.Model;
        double expected = TinyAlignment.Preferences.Average(
            p => LogProbability(model, p.Prompt, p.Chosen) - LogProbability(model, p.Prompt, p.Rejected));
        Assert.Equal(expected, reports.All[0].LossTerms["reward margin"], 3);
    }

    [Fact]
    public void An_adapter_is_trained_over_the_reference_which_is_not_copied()
    {
        DpoOptions options = TinyAlignment.Dpo();
        options.Adapter = new LoraOptions { Rank = 2 };
        (options.LearningRate, options.MaxSteps) = (0.01, 30);
        using LanguageModelTransformer model = _ml.Transforms.Generative().Dpo(options).Fit(TinyAlignment.Pairs(_ml));
        Assert.Equal(options.Adapter.Name, model.ActiveAdapter);
        Assert.True(Unsafe.AreSame(
            ref MemoryMarshal.GetReference(model.Networks.Base.Tokens.Weight.bytes),
            ref MemoryMarshal.GetReference(TinyPreferences.Model.Network.Tokens.Weight.bytes)));

        string prompt = TinyAlignment.Preferences[0].Prompt;
        Assert.True(
            LogProbability(model, prompt, "a fish.") - LogProbability(model, prompt, "corn.")
            > LogProbability(TinyPreferences.Model, prompt, "a fish.") - LogProbability(TinyPreferences.Model, prompt, "corn.") + 0.5);

        // The adapter alone is trained further; its reference is the model as it was.
        DpoOptions further = TinyAlignment.Dpo();
        var reports = new Reports();
        (further.BaseModel, further.MaxSteps, further.Progress) = (model, 1, reports);
        _ml.Transforms.Generative().Dpo(further).Fit(TinyAlignment.Pairs(_ml)).Dispose();
        Assert.Equal(Math.Log(2), reports.All[0].Loss, 5);
    }

    [Fact]
    public void KTO_makes_good_completions_more_probable_and_bad_ones_less()
    {
        var reports = new Reports();
        KtoOptions options = TinyAlignment.Kto();
        (options.MaxSteps, options.Progress) = (25, reports);
        using LanguageModelTransformer model = _ml.Transforms.Generative().Kto(options).Fit(TinyAlignment.Judged(_ml));
        // With all ratios at 1, each completion is at the reference point.
        Assert.Equal(0.5, reports.All[0].Loss, 4);
        Assert.Equal(0, reports.All[0].LossTerms["kl"], 5);
        Assert.True(reports.All[^1].RecentLossTerms["signed reward"] > 0.025);
        Assert.True(reports.All[^1].RecentLossTerms["reward accuracy"] > 0.7);
        string prompt = TinyAlignment.Preferences[0].Prompt;
        Assert.True(LogProbability(model, prompt, "a fish.") > LogProbability(TinyPreferences.Model, prompt, "a fish."));
        Assert.True(LogProbability(model, prompt, "corn.") < LogProbability(TinyPreferences.Model, prompt, "corn."));
    }

    [Fact]
    public void Batches_of_one_are_refused_by_KTO_and_no_batch_has_one_row()
    {
        KtoOptions options = TinyAlignment.Kto();
        options.BatchSize = 1;
        Assert.Contains("BatchSize is 1; expected 2 or more", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.Generative().Kto(options)).Message);
        options.BatchSize = 5; // of 36 rows, the last would be alone
        options.Epochs = 1;
        var reports = new Reports();
        options.Progress = reports;
        _ml.Transforms.Generative().Kto(options).Fit(TinyAlignment.Judged(_ml)).Dispose();
        Assert.Equal(7, reports.All[^1].TotalSteps);
        IDataView single = _ml.Data.TakeRows(TinyAlignment.Judged(_ml), 1);
        Assert.Contains("expected 2 or more", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.Generative().Kto(options).Fit(single)).Message);
    }

    [Fact]
    public void Wrong_options_and_columns_are_named()
    {
        DpoOptions dpo = TinyAlignment.Dpo();
        dpo.BaseModel = null;
        Assert.Contains("BaseModel is not set", Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Dpo(dpo)).Message);
        dpo = TinyAlignment.Dpo();
        (dpo.Loss, dpo.LabelSmoothing) = (DpoLoss.Hinge, 0.1);
        Assert.Contains("LabelSmoothing is 0.1", Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Dpo(dpo)).Message);
        (dpo.Loss, dpo.LabelSmoothing) = (DpoLoss.Robust, 0);
        Assert.Contains("LabelSmoothing is 0;", Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Dpo(dpo)).Message);
        dpo = TinyAlignment.Dpo();
        dpo.ChosenColumnName = "Better";
        Assert.Contains("'Better' is missing", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.Generative().Dpo(dpo).Fit(TinyAlignment.Pairs(_ml))).Message);
        KtoOptions kto = TinyAlignment.Kto();
        kto.LabelColumnName = "Number";
        Assert.Contains("'Number' has type Single; expected Boolean", Assert.ThrowsAny<ArgumentException>(
            () => _ml.Transforms.Generative().Kto(kto).Fit(TinyAlignment.Judged(_ml))).Message);
    }

    // log p(completion and its end | prompt)
    private static double LogProbability(LanguageModelTransformer model, string prompt, string completion) =>
        TinyAlignment.LogProbability(model, prompt, completion);
}
