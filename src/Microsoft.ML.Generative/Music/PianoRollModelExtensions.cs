using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative;

/// <summary>Music from models of piano rolls, trained on what <see cref="MusicToPianoRollEstimator"/> makes.</summary>
[SuppressMessage(
    "ApiDesign", "RS0026:Do not add multiple overloads with optional parameters",
    Justification = "The overloads are methods of different models.")]
public static class PianoRollModelExtensions
{
    private const string Generated = "Generated";

    /// <summary>Composes pieces with a diffusion model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="roll">The piano rolls that it was trained on.</param>
    /// <param name="count">The number of pieces.</param>
    /// <param name="options">Seed, sampler, steps.</param>
    /// <returns>The pieces.</returns>
    /// <exception cref="ArgumentException">The model's images are not such piano rolls, or an option does not fit it.</exception>
    /// <exception cref="OperationCanceledException">The generation was canceled.</exception>
    public static IReadOnlyList<NoteSequence> Compose(
        this DiffusionTransformer model, PianoRoll roll, int count, DiffusionGenerateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Check(roll, model.RowSize);
        return Decode(roll, model.Generate(count, options));
    }

    /// <summary>Composes what follows a beginning with a diffusion model, by inpainting.</summary>
    /// <param name="model">The model.</param>
    /// <param name="roll">The piano rolls that it was trained on.</param>
    /// <param name="start">The beginning, shorter than a piano roll; pitches out of its range are left out.</param>
    /// <param name="options">As <see cref="DiffusionTransformer.Inpaint"/> takes it.</param>
    /// <returns>The beginning and what follows, of the length of a piano roll.</returns>
    /// <exception cref="ArgumentException">
    /// The model's images are not such piano rolls, the beginning is too long, or an option does not fit the model.
    /// </exception>
    /// <exception cref="OperationCanceledException">The generation was canceled.</exception>
    public static NoteSequence Continue(
        this DiffusionTransformer model, PianoRoll roll, NoteSequence start, DiffusionGenerateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(start);
        Check(roll, model.RowSize);
        int kept = Microsoft.ML.Generative.Music.Tokens.Grid.StepOf(start, start.EndTick, roll.StepsPerQuarter);
        if (kept >= roll.Steps)
        {
            throw new ArgumentException(
                $"The beginning has {kept} steps; expected less than the {roll.Steps} of a piano roll.", nameof(start));
        }

        float[] mask = [.. Enumerable.Range(0, roll.Pitches * roll.Steps).Select(i => i % roll.Steps < kept ? 0f : 1f)];
        return Decode(roll, model.Inpaint(roll.Encode(start), mask, 1, options))[0];
    }

    /// <summary>Composes pieces with a variational autoencoder.</summary>
    /// <param name="model">The model.</param>
    /// <param name="roll">The piano rolls that it was trained on.</param>
    /// <param name="count">The number of pieces.</param>
    /// <param name="options">Seed, temperature.</param>
    /// <returns>The pieces.</returns>
    /// <exception cref="ArgumentException">The model's rows are not such piano rolls, or an option does not fit it.</exception>
    public static IReadOnlyList<NoteSequence> Compose(
        this VaeTransformer model, PianoRoll roll, int count, VaeGenerateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Check(roll, model.RowSize);
        return Decode(roll, model.Generate(count, options));
    }

    /// <summary>Composes what lies between two pieces, through the latent space of a variational autoencoder.</summary>
    /// <param name="model">The model.</param>
    /// <param name="roll">The piano rolls that it was trained on.</param>
    /// <param name="from">The first piece.</param>
    /// <param name="to">The last piece.</param>
    /// <param name="count">
    /// The number of pieces, at least 2, both ends included: these are the model's reconstructions of the two.
    /// </param>
    /// <returns>The pieces.</returns>
    /// <remarks>Roberts, Engel, Raffel, Hawthorne, Eck, "A hierarchical latent vector model for learning long-term structure in music"
    /// (MusicVAE), 2018.</remarks>
    /// <exception cref="ArgumentException">
    /// The model's rows are not such piano rolls, or <paramref name="count"/> is below 2.
    /// </exception>
    public static IReadOnlyList<NoteSequence> Interpolate(
        this VaeTransformer model, PianoRoll roll, NoteSequence from, NoteSequence to, int count)
    {
        ArgumentNullException.ThrowIfNull(model);
        Check(roll, model.RowSize);
        return Decode(roll, model.Interpolate(roll.Encode(from), roll.Encode(to), count));
    }

    /// <summary>The piece that a variational autoencoder makes again of one.</summary>
    /// <param name="model">The model.</param>
    /// <param name="roll">The piano rolls that it was trained on.</param>
    /// <param name="piece">The piece.</param>
    /// <returns>Its reconstruction.</returns>
    /// <exception cref="ArgumentException">The model's rows are not such piano rolls.</exception>
    public static NoteSequence Reconstruct(this VaeTransformer model, PianoRoll roll, NoteSequence piece)
    {
        ArgumentNullException.ThrowIfNull(model);
        Check(roll, model.RowSize);
        return roll.Decode(model.Decode(model.Encode(roll.Encode(piece))));
    }

    private static NoteSequence[] Decode(PianoRoll roll, IDataView data)
    {
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, Generated);
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(column);
        VBuffer<float> image = default;
        List<NoteSequence> pieces = [];
        while (cursor.MoveNext())
        {
            getter(ref image);
            pieces.Add(roll.Decode([.. image.DenseValues()]));
        }

        return [.. pieces];
    }

    private static void Check(PianoRoll roll, int rowSize)
    {
        ArgumentNullException.ThrowIfNull(roll);
        roll.Validate();
        if (roll.Size != rowSize)
        {
            throw new ArgumentException(
                $"The piano roll has {roll.Channels} × {roll.Pitches} × {roll.Steps} values; the model's rows have {rowSize}.",
                nameof(roll));
        }
    }
}
