using Microsoft.ML.Data;
using Microsoft.ML.Generative.Text.Decoding;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class LanguageModelMemoryTests
{
    [Fact]
    public void No_tensor_is_left_behind_by_writing_scoring_and_embedding()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = TinyText.Data(ml);
        using LanguageModelTransformer model = Train(ml, rows);
        using var slow = new TorchDecodingSession(model.Network, 2, 24, torch.CPU);
        float[] logits = new float[model.Architecture.VocabularySize];
        void Work()
        {
            _ = model.Transform(rows).GetColumn<string>("Completion").Count();
            _ = model.Generate(5).GetColumn<string>("Completion").Count();
            _ = string.Concat(model.Stream("the cat"));
            _ = model.Attention("the cat");
            _ = model.Activations.Embed([1, 2, 3]);
            _ = ml.Generative().EvaluateLanguageModel(model, rows);
            slow.Reset(0);
            slow.Prefill(0, [1, 2, 3], logits);
            slow.Copy(0, 1);
        }

        Assert.Equal(0, TensorCounts.Growth(Work, times: 10));
    }

    [Fact]
    public void Steps_of_training_leave_no_tensor_behind()
    {
        MLContext ml = new(seed: 1);
        IDataView rows = TinyText.Data(ml);
        long Grown(int epochs) => TensorCounts.Growth(() => Train(ml, rows, epochs).Dispose(), times: 1);

        // What a network leaves in TorchSharp's count does not depend on how long it was trained.
        Assert.Equal(Grown(1), Grown(30));
    }

    private static LanguageModelTransformer Train(MLContext ml, IDataView rows, int epochs = 1)
    {
        LanguageModelOptions options = TinyText.Options();
        (options.Epochs, options.Dropout, options.EmaDecay, options.ValidationFraction, options.SamplePrompt) = (
            epochs, 0.1, 0.9, 0.2, "the");
        return ml.Transforms.Generative().LanguageModel(options).Fit(rows);
    }
}
