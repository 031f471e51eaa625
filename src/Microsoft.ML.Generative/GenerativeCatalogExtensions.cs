using System.Runtime.CompilerServices;
using Microsoft.ML.Generative;

namespace Microsoft.ML;

/// <summary>The ways from an <see cref="MLContext"/> to the generative models.</summary>
public static class GenerativeCatalogExtensions
{
    private static readonly ConditionalWeakTable<MLContext, GenerativeCatalog> _catalogs = [];

    /// <summary>
    /// What belongs to generative models and is not appended to a pipeline: data sets, evaluation, settings.
    /// </summary>
    /// <param name="mlContext">The context; each has one catalog, so settings made on it last as long as the context.</param>
    /// <returns>The context's catalog.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="mlContext"/> is null.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView digits = mlContext.Generative().Datasets.Digits(count: 1_000);
    /// </code>
    /// </example>
    public static GenerativeCatalog Generative(this MLContext mlContext)
    {
        ArgumentNullException.ThrowIfNull(mlContext);
        return _catalogs.GetValue(mlContext, static context => new GenerativeCatalog(context));
    }

    /// <summary>The generative models as estimators, to train or to append to a pipeline.</summary>
    /// <param name="catalog"><see cref="MLContext.Transforms"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="catalog"/> is null.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(mlContext.Generative().Datasets.Digits());
    /// </code>
    /// </example>
    public static GenerativeTransformsCatalog Generative(this TransformsCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new GenerativeTransformsCatalog(Data.CatalogUtils.GetEnvironment(catalog));
    }
}
