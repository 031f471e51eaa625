using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>The cross-entropy of the masked tokens, each with its weight.</summary>
internal sealed class MaskedLanguageModelObjective(EncoderModel model)
{
    /// <summary>The losses of a batch: tokens, where they are, targets, and weights, [batch, time] each.</summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        Tensor hidden = model.Encoder.Hidden(new EncoderInput(batch[0], batch[1])).flatten(0, 1); // [batch · time, width]
        Tensor targets = batch[2].flatten();
        // The logits of the other tokens, most of them, are not needed.
        Tensor chosen = targets.GreaterOrEqual(0).nonzero().flatten(); // [targets]
        Tensor logits = ((MaskedTokenHead)model.Head!).Logits(hidden.index_select(0, chosen), model.Encoder.Tokens);
        Tensor learned = targets.index_select(0, chosen);
        Tensor losses = CrossEntropy.PerRow(logits, learned) * batch[3].flatten().index_select(0, chosen); // [targets]
        return new Losses(
            losses.sum().Over(batch.Weight), ("accuracy", logits.detach().argmax(1).eq(learned).to(ScalarType.Float32).mean()));
    }
}
