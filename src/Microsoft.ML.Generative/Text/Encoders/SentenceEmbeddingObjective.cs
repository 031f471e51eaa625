using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Brings texts near to their pairs.</summary>
internal sealed class SentenceEmbeddingObjective(EncoderNetwork encoder, SentenceEmbeddingOptions options)
{
    /// <summary>The losses of a batch: tokens and where they are, [rows, texts, time] each, and scores [rows].</summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        long rows = batch.Rows, texts = batch[0].size(1);
        (Tensor tokens, Tensor isToken) = (batch[0].transpose(0, 1).flatten(0, 1), batch[1].transpose(0, 1).flatten(0, 1));
        if (texts == 1)
            (tokens, isToken) = (cat([tokens, tokens]), cat([isToken, isToken]));
        Tensor all = Pooling.Embed(encoder, new EncoderInput(tokens, isToken), options.ActualPooling, normalizes: true).AsFloat32();
        Tensor first = all.narrow(0, 0, rows), others = all.narrow(0, rows, all.size(0) - rows); // [rows, width], [others, width]
        return options.ScoreColumnName is null ? Ranking(first, others, options.Scale) : Scores(first, others, batch[2]);
    }

    /// <summary>
    /// Multiple negatives ranking (Henderson et al. 2017, eq. 4): the cross-entropy of each text's own pair among all of the batch.
    /// </summary>
    /// <param name="first">The texts, [rows, width], of length 1.</param>
    /// <param name="others">Their pairs, then what else is to be far from all of them, [others, width], of length 1.</param>
    /// <param name="scale">What cosines are multiplied with.</param>
    public static Losses Ranking(Tensor first, Tensor others, double scale)
    {
        Tensor logits = first.mm(others.t()).Times(scale); // [rows, others]
        Tensor own = TensorFactory.Range(first.size(0), device: first.device);
        Tensor loss = F.cross_entropy(logits, own);
        return new Losses(loss, ("accuracy", logits.detach().argmax(1).eq(own).to(ScalarType.Float32).mean()));
    }

    /// <summary>The squared difference of cosines and scores.</summary>
    public static Losses Scores(Tensor first, Tensor second, Tensor scores)
    {
        Tensor cosines = (first * second).sum(1); // [rows]
        return new Losses(cosines.sub(scores).Squared().mean(), ("cosine", cosines.detach().mean()));
    }
}
