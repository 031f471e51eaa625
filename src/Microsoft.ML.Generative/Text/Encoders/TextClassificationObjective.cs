using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The cross-entropy of the classes.</summary>
internal sealed class TextClassificationObjective(EncoderModel model, EmbeddingPooling pooling)
{
    /// <summary>The losses of a batch: tokens, where they are and their segments, [batch, time] each, and classes [batch].</summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        Tensor logits = Logits(model, new EncoderInput(batch[0], batch[1], batch[2]), pooling);
        return new Losses(
            F.cross_entropy(logits, batch[3]), ("accuracy", logits.detach().argmax(1).eq(batch[3]).to(ScalarType.Float32).mean()));
    }

    /// <summary>[batch, classes].</summary>
    public static Tensor Logits(EncoderModel model, EncoderInput input, EmbeddingPooling pooling) =>
        ((ClassificationHead)model.Head!).Logits(Pooling.Embed(model.Encoder, input, pooling, normalizes: false));
}
