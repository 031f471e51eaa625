using System.Text;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Describes what models are made of.</summary>
public static class ModelSummaryExtensions
{
    /// <summary>
    /// The layers of a model as a table: name, type, shape of the output, shapes of weights, number of parameters; and the totals.
    /// </summary>
    /// <param name="model">A model of this library, or a pipeline with some.</param>
    /// <remarks>
    /// In the shapes, <c>batch</c> stands for the number of rows and <c>tokens</c> for the length of a text. Frozen are parameters that no
    /// training of the model changes: quantized weights, all but the adapter of a model that uses one, and, in a model that comes from
    /// <c>Fit</c>, its <see cref="TrainingOptions.FrozenParameters"/>.
    /// </remarks>
    /// <exception cref="ArgumentException">It is no model of this library, and has none.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(mlContext.Generative().Datasets.Digits(10_000));
    /// Console.WriteLine(model.Summary());
    /// </code>
    /// </example>
    public static string Summary(this ITransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (ITransformer Transformer, IBaseModel Model)[] models =
            [.. Parts(model).Where(part => part is IBaseModel).Select(part => (part, (IBaseModel)part))];
        if (models.Length == 0)
            throw new ArgumentException($"{model.GetType().Name} is no generative model, and has none in it.", nameof(model));
        var text = new StringBuilder();
        foreach ((ITransformer transformer, IBaseModel part) in models)
        {
            using IDisposable use = part.Use();
            text.AppendLine(transformer.GetType().Name).Append(ModuleSummary.Of(part.Network, part.IsTrained, part.RunExample));
        }

        return text.ToString();

        // A pipeline may be a step of another.
        static IEnumerable<ITransformer> Parts(ITransformer model) =>
            model is IEnumerable<ITransformer> chain ? chain.SelectMany(Parts) : [model];
    }
}
