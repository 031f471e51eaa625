using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Runtime;
using Microsoft.ML.Transforms.Image;

namespace Microsoft.ML.Generative;

/// <summary>Makes images of vectors, such as those that models generate. There is nothing to train.</summary>
/// <remarks>
/// <para>Create with <see cref="GenerativeTransformsCatalog.ToImage"/>.</para>
/// <list type="table">
/// <listheader><term>column</term><description>type and meaning</description></listheader>
/// <item>
/// <term>input</term>
/// <description>
/// vector of Single in 0..1 (values beyond are cut off) or Byte, plane by plane: gray, red and green, red, green and blue, or these and the
/// opacity.
/// </description>
/// </item>
/// <item><term>output</term><description><see cref="MLImage"/> of pixel format Rgba32.</description></item>
/// </list>
/// <para>
/// Unlike ML.NET's <c>ConvertToImage</c>, it knows the shape from the column's type, takes one channel as gray, and makes opaque images of
/// values in 0..1.
/// </para>
/// </remarks>
/// <seealso cref="VectorToImageTransformer"/>
public sealed class VectorToImageEstimator : IEstimator<VectorToImageTransformer>
{
    private readonly IHost _host;
    private readonly string _output;
    private readonly string _input;
    private readonly (int? Channels, int? Height, int? Width) _shape;

    internal VectorToImageEstimator(
        IHostEnvironment env, string outputColumnName, string inputColumnName, int? channels, int? height, int? width)
    {
        OptionChecks.NotEmpty(outputColumnName);
        OptionChecks.NotEmpty(inputColumnName);
        OptionChecks.AtLeast(channels, 1);
        OptionChecks.AtLeast(height, 1);
        OptionChecks.AtLeast(width, 1);
        _host = env.Register(nameof(VectorToImageEstimator));
        (_output, _input, _shape) = (outputColumnName, inputColumnName, (channels, height, width));
    }

    /// <summary>Finds out the images' shape.</summary>
    /// <param name="input">Data with the column of vectors.</param>
    /// <returns>The transformer.</returns>
    /// <exception cref="ArgumentException">
    /// The column is missing, holds no vectors of Single or Byte, or its shape is unknown or another one.
    /// </exception>
    public VectorToImageTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        Check(SchemaShape.Create(input.Schema));
        ImageShape shape = ColumnTypes.FindShape(input, _input, _shape.Channels, _shape.Height, _shape.Width)
            ?? throw ColumnTypes.UnknownShape(_input);
        return new VectorToImageTransformer(_host, new ImageConversionDefinition(_input, _output, shape));
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Check(inputSchema);
        return OutputColumn.Promise(inputSchema, [new OutputColumn(_output, new ImageDataViewType(), IsVector: false)]);
    }

    private void Check(SchemaShape schema)
    {
        ColumnTypes.CheckFeatures(schema, _input);
        if (schema.TryFindColumn(_input, out SchemaShape.Column column) && column.Kind != SchemaShape.Column.VectorKind.Vector)
        {
            throw new ArgumentException(
                $"Column '{_input}' has type {column.GetTypeString()}; expected a known-size vector of Single or Byte.");
        }
    }
}
