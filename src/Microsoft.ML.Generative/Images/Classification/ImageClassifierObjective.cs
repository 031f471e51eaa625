using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Images.Classification.Networks;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Images.Classification;

/// <summary>
/// The cross-entropy, with labels smoothed while training; a validation scores the labels as they are, so that its losses are −log p(label)
/// in nats.
/// </summary>
internal sealed class ImageClassifierObjective(ImageClassifierNetwork network, ImageClassifierOptions options)
{
    public Losses Losses(StepContext step, TensorBatch batch)
    {
        Tensor x = step.IsTraining
            ? ImageAugmentation.Apply(batch[0], options.MaxShift, options.FlipsHorizontally, step)
            : batch[0];
        Tensor logits = network.Logits(network.Features(x));
        Tensor loss = F.cross_entropy(logits, batch[1], label_smoothing: step.IsTraining ? options.LabelSmoothing : 0);
        return new Losses(loss, ("accuracy", logits.detach().argmax(1).eq(batch[1]).to(float32).mean()));
    }
}
