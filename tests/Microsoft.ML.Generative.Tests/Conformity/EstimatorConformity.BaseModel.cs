using System.Reflection;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What every estimator promises of trainings that continue from a model.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    // A softmax does not depend on what is added to all keys: what gradient their bias has is rounding, which may be none.
    private static bool IsLearned(string parameter) => !parameter.EndsWith("to_k.bias", StringComparison.Ordinal);

    /// <summary>The option with a model of the same kind that the training continues from.</summary>
    protected virtual string BaseModelOption => "BaseModel";

    [Fact]
    public void Training_changes_every_parameter_but_the_frozen_ones_to_the_bit()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer first = Trained;
        Dictionary<string, float[]> before = Parameters(first);
        List<object?[]> output = Rows.Read(first.Transform(data));
        string[] names = [.. before.Keys];

        // Every second one by its name, in two trainings, so that each is frozen once and trained once.
        for (int part = 0; part < 2; part++)
        {
            HashSet<string> frozen = [.. names.Where((_, i) => i % 2 == part)];
            using TTransformer tuned = CreateEstimator(ml, o => SetBase(o, first, [.. frozen])).Fit(data);
            Dictionary<string, float[]> after = Parameters(tuned);
            Assert.Equal(names, after.Keys);
            Assert.All(frozen, name => Assert.Equal(before[name], after[name]));
            Assert.DoesNotContain(names, name => !frozen.Contains(name) && IsLearned(name) && before[name].SequenceEqual(after[name]));
        }

        Assert.Equal(before, Parameters(first));
        Rows.AssertEqual(output, Rows.Read(first.Transform(data)), tolerance: 0);
    }

    [Fact]
    public void A_training_that_continues_begins_with_the_weights_of_its_base_model_which_may_come_from_a_file()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer first = Trained;
        using var file = new MemoryStream();
        ml.Model.Save(first, data.Schema, file);
        file.Position = 0;
        using var loaded = (TTransformer)ml.Model.Load(file, out _);

        // A learning rate that no weight can follow.
        using TTransformer tuned = CreateEstimator(ml, o =>
        {
            SetBase(o, loaded, []);
            (o.LearningRate, o.WeightDecay) = (1e-30, 0);
            foreach (PropertyInfo rate in o.GetType().GetProperties().Where(p => p.Name is "PriorLearningRate"))
                rate.SetValue(o, 1e-30);
        }).Fit(data);
        Assert.Equal(Parameters(first), Parameters(tuned));
    }

    [Fact]
    public void Frozen_parameters_that_do_not_exist_are_refused_with_names_of_some_that_do()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        var error = Assert.ThrowsAny<ArgumentException>(() => CreateEstimator(ml, o => o.FrozenParameters = ["nothing.*"]).Fit(data));
        Assert.Contains("'nothing.*', which matches no parameter", error.Message);
        Assert.Contains(".weight'", error.Message);
        error = Assert.ThrowsAny<ArgumentException>(() => CreateEstimator(ml, o => o.FrozenParameters = ["*"]).Fit(data));
        Assert.Contains("nothing is left to train", error.Message);
    }

    [Fact]
    public void Resuming_on_another_frozen_base_is_refused()
    {
        using var folders = new TemporaryFolder();
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer first = Trained;
        using TTransformer second = CreateEstimator(ml, o => o.Seed = 77).Fit(data);
        string name = Parameters(first).Keys.First();
        TTransformer Tune(TTransformer model) => CreateEstimator(ml, o =>
        {
            SetBase(o, model, [name]);
            o.Seed = 3;
            o.Checkpoints = new CheckpointOptions(folders.File("a"));
        }).Fit(data);

        using TTransformer tuned = Tune(first);
        using TTransformer again = Tune(first);
        Assert.Equal(Parameters(tuned), Parameters(again));
        var error = Assert.Throws<InvalidOperationException>(() => Tune(second));
        Assert.Contains("frozen weights", error.Message);
        Assert.Contains(folders.File("a"), error.Message);
    }

    [Fact]
    public void A_base_model_that_was_disposed_of_is_refused()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        TTransformer first = CreateEstimator(ml).Fit(data);
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(() => CreateEstimator(ml, o => SetBase(o, first, [])).Fit(data));
    }

    [Fact]
    public void What_is_no_number_does_not_leave_the_model_in_silence()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        using TTransformer model = CreateEstimator(ml).Fit(data);
        foreach (torch.Tensor parameter in ((IBaseModel)model).Network.parameters())
            torch.nn.init.constant_(parameter, double.NaN);

        IDataView transformed = model.Transform(data);
        foreach (DataViewSchema.Column column in transformed.Schema.Skip(data.Schema.Count))
        {
            using DataViewRowCursor cursor = transformed.GetRowCursor([column]);
            InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => cursor.MoveNext());
            Assert.Contains("has the value NaN; expected finite numbers", error.Message);
        }
    }

    private void SetBase(TrainingOptions options, TTransformer model, string[] frozen)
    {
        options.GetType().GetProperty(BaseModelOption)!.SetValue(options, model);
        options.FrozenParameters = frozen;
    }

    // Parameters and buffers.
    private static Dictionary<string, float[]> State(TTransformer model) => ModuleWeights.Of(((IBaseModel)model).Network)
        .ToDictionary(t => t.Name, t => TensorMemory.ToArray<float>(t.Tensor.to(torch.float32)));

    private static Dictionary<string, float[]> Parameters(TTransformer model) =>
        ((IBaseModel)model).Network.named_parameters().ToDictionary(p => p.name, p => TensorMemory.ToArray<float>(p.parameter));
}
