using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>A model that computes vectors of texts.</summary>
internal interface IEmbeddingModel : ITransformer, IBaseModel, IDisposable
{
    /// <summary>What clients of Microsoft.Extensions.AI call the model where the caller does not.</summary>
    string ModelId { get; }

    /// <summary>The number of values in a vector.</summary>
    int EmbeddingSize { get; }

    /// <summary>Rows that are computed at once.</summary>
    int RowsAtOnce { get; }

    /// <summary>The tokens of a text.</summary>
    /// <exception cref="ArgumentException">The text cannot be used.</exception>
    int[] Encode(string text);

    /// <summary>The vectors of texts, [texts, size]. The caller keeps the model in use.</summary>
    torch.Tensor Embed(IReadOnlyList<int[]> texts);

    /// <summary>The vectors of texts.</summary>
    float[][] Embed(IReadOnlyList<int[]> texts, CancellationToken cancellation);

    /// <summary>A model with the memory of this one.</summary>
    IEmbeddingModel Share();
}
