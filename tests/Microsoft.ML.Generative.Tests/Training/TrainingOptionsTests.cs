using System.Reflection;
using System.Text.Json;

namespace Microsoft.ML.Generative.Tests;

public sealed class TrainingOptionsTests
{
    public static TheoryData<string, object, string> Wrong => new()
    {
        { nameof(TrainingOptions.Epochs), 0, "1 or more" },
        { nameof(TrainingOptions.MaxSteps), 0L, "1 or more" },
        { nameof(TrainingOptions.BatchSize), -3, "1 or more" },
        { nameof(TrainingOptions.GradientAccumulationSteps), 0, "1 or more" },
        { nameof(TrainingOptions.Optimizer), (OptimizerKind)9, "Adam, AdamW, Sgd" },
        { nameof(TrainingOptions.LearningRate), 0.0, "more than 0" },
        { nameof(TrainingOptions.LearningRate), double.NaN, "more than 0" },
        { nameof(TrainingOptions.LearningRate), double.PositiveInfinity, "more than 0" },
        { nameof(TrainingOptions.LearningRate), 1e300, "1E-30 to 1E+30" },
        { nameof(TrainingOptions.LearningRate), 1e-320, "1E-30 to 1E+30" },
        { nameof(TrainingOptions.WeightDecay), 1e39, "0 or more, up to 1E+30" },
        { nameof(TrainingOptions.Beta1), 1.0, "0 to below 1" },
        { nameof(TrainingOptions.Beta2), -0.1, "0 to below 1" },
        { nameof(TrainingOptions.Epsilon), 0.0, "more than 0" },
        { nameof(TrainingOptions.WeightDecay), -1.0, "0 or more" },
        { nameof(TrainingOptions.WeightDecay), double.NaN, "0 or more" },
        { nameof(TrainingOptions.Momentum), 1.0, "0 to below 1" },
        { nameof(TrainingOptions.LearningRateSchedule), (LearningRateSchedule)7, "Constant, Cosine, Linear" },
        { nameof(TrainingOptions.WarmupSteps), -1L, "0 or more" },
        { nameof(TrainingOptions.FinalLearningRate), 1.5, "0 to 1" },
        { nameof(TrainingOptions.GradientClipNorm), 0.0, "more than 0" },
        { nameof(TrainingOptions.EmaDecay), 1.0, "0 to below 1" },
        { nameof(TrainingOptions.Threads), 0, "1 or more" },
        { nameof(TrainingOptions.Threads), 1025, "1 to 1024" },
        { nameof(TrainingOptions.Threads), int.MaxValue, "1 to 1024" },
        { nameof(TrainingOptions.BatchSize), int.MaxValue, "1 to 16777216" },
        { nameof(TrainingOptions.GradientAccumulationSteps), int.MaxValue, "1 to 16777216" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_value_out_of_range_is_refused_by_name_with_the_range(string option, object value, string range)
    {
        var options = new ToyOptions();
        typeof(TrainingOptions).GetProperty(option)!.SetValue(options, value);

        var error = Assert.Throws<ArgumentOutOfRangeException>(options.Validate);
        Assert.Equal(option, error.ParamName);
        Assert.StartsWith($"{option} is {value}; expected ", error.Message);
        Assert.Contains(range, error.Message);
    }

    // Native code takes them as Single, and its own complaint names nothing.
    [Fact]
    public void No_option_takes_a_number_that_Single_cannot_hold()
    {
        Func<TrainingOptions>[] all =
        [
            () => new VaeOptions(), () => new VqVaeOptions(), () => new GanOptions(), () => new DiffusionOptions(), () => new FlowOptions(),
            () => new ImageClassifierOptions(), () => new LanguageModelOptions(), () => new SequenceToSequenceOptions(), TinyAlignment.Dpo,
            TinyAlignment.Kto, TinyAlignment.Grpo, TinyAlignment.Rloo, TinyAlignment.Ppo,
        ];
        int checkedOptions = 0;
        foreach (Func<TrainingOptions> create in all)
        {
            foreach (PropertyInfo option in create().GetType().GetProperties()
                .Where(p => p.CanWrite && (Nullable.GetUnderlyingType(p.PropertyType) ?? p.PropertyType) == typeof(double)))
            {
                foreach (double value in (double[])[1e300, 1e39, double.NaN, double.PositiveInfinity, double.NegativeInfinity])
                {
                    TrainingOptions options = create();
                    option.SetValue(options, value);
                    Assert.Contains(option.Name, Assert.ThrowsAny<ArgumentException>(options.Validate).Message);
                }

                checkedOptions++;
            }
        }

        Assert.InRange(checkedOptions, 100, int.MaxValue);
    }

    [Fact]
    public void The_defaults_are_in_range() => new ToyOptions().Validate();

    [Fact]
    public void What_belongs_to_one_run_is_not_part_of_the_config()
    {
        string json = JsonSerializer.Serialize(new ToyOptions { Threads = 3, Progress = new Reports() });
        foreach (string name in (string[])["ValidationData", "Threads", "Progress", "CancellationToken"])
            Assert.DoesNotContain(name, json);
        Assert.Contains("\"LearningRate\":0.001", json);
    }
}
