using Microsoft.ML;
using Microsoft.ML.Generative;
using Module10.Http;
using Samples.Shared;

namespace Module10.Models;

/// <summary>A model of a room: loaded from its file, or trained and kept in it.</summary>
internal abstract class RoomModel(CapstoneOptions options, string name) : IDisposable
{
    private readonly TaskCompletionSource<ITransformer> _model = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ModelStatus _status = new(name, ModelState.Waiting);

    public string Name => name;

    public ModelStatus Status => _status;

    /// <summary>Ends when the model is there, or with the reason why it never will be.</summary>
    public Task<ITransformer> Ready => _model.Task;

    protected CapstoneOptions Options => options;

    private string File => Path.Combine(options.Folder, $"{name}.zip");

    /// <summary>Loads the model of an earlier start.</summary>
    /// <returns>Whether there is one.</returns>
    public bool TryLoad()
    {
        if (!System.IO.File.Exists(File))
            return false;
        _status = new ModelStatus(name, ModelState.Loading);
        try
        {
            Finish(new MLContext().Generative().LoadModel(File, out _));
            return true;
        }
        catch (InvalidDataException)
        {
            // A file that cannot be read is of no use: the model is trained again.
            _status = new ModelStatus(name, ModelState.Waiting);
            return false;
        }
    }

    /// <summary>Trains the model and keeps it.</summary>
    public void TrainAndSave(CancellationToken cancellation)
    {
        var curve = new LossCurve();
        _status = new ModelStatus(name, ModelState.Training, Curve: []);
        var ml = new MLContext(seed: 1);
        (ITransformer model, IDataView data) = Train(ml, new InlineProgress<TrainingProgress>(progress =>
        {
            if (curve.Add(progress))
            {
                _status = new ModelStatus(
                    name, ModelState.Training, progress.Step, progress.TotalSteps, progress.Remaining.TotalSeconds, curve.ToList());
            }
        }), cancellation);
        AtomicFile.Write(File, stream => ml.Model.Save(model, data.Schema, stream));
        Finish(model);
    }

    /// <summary>Gives the model up.</summary>
    public void Fail(Exception error)
    {
        _status = new ModelStatus(name, ModelState.Failed, Error: error.Message);
        _model.TrySetException(error);
        _ = _model.Task.Exception;
    }

    public void Dispose()
    {
        if (_model.Task.IsCompletedSuccessfully)
            (_model.Task.Result as IDisposable)?.Dispose();
    }

    /// <summary>Trains the model.</summary>
    /// <returns>The model, and the data that it was trained on.</returns>
    protected abstract (ITransformer Model, IDataView Data) Train(
        MLContext ml, IProgress<TrainingProgress> progress, CancellationToken cancellation);

    /// <summary>The model as what it is.</summary>
    /// <exception cref="VisitorException">It is not trained yet.</exception>
    protected T Require<T>()
        where T : class, ITransformer => Status.State == ModelState.Ready
            ? (T)_model.Task.Result
            : throw new VisitorException(503, Status.Error is { } error
                ? $"This room has no model: {error}"
                : "This room's model is being trained. Its progress is on the page.");

    private void Finish(ITransformer model)
    {
        _model.SetResult(model);
        _status = new ModelStatus(name, ModelState.Ready);
    }
}
