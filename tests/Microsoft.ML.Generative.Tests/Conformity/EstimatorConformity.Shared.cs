namespace Microsoft.ML.Generative.Tests;

/// <summary>Trainings that several tests look at: none of these changes what it sees.</summary>
public abstract partial class EstimatorConformity<TTransformer> : IClassFixture<ClassState>
{
    private Trainings Shared => ClassState.Of(() => new Trainings(this));

    /// <summary>A trained model, by <c>new MLContext(seed: 1)</c> and the options as they are.</summary>
    private TTransformer Trained => Shared.Model;

    /// <summary>A training with checkpoints that nothing interrupted.</summary>
    private FinishedTraining Finished => Shared.Finished;

    private sealed record FinishedTraining(string Folder, List<object?[]> Rows, Reports Reports, Dictionary<string, byte[]> State);

    private sealed class Trainings(EstimatorConformity<TTransformer> tests) : IDisposable
    {
        private readonly TemporaryFolder _folders = new();
        private TTransformer? _model;
        private FinishedTraining? _finished;

        public TTransformer Model
        {
            get
            {
                if (_model is null)
                {
                    MLContext ml = new(seed: 1);
                    _model = tests.CreateEstimator(ml).Fit(tests.CreateData(ml));
                }

                return _model;
            }
        }

        public FinishedTraining Finished
        {
            get
            {
                if (_finished is null)
                {
                    string folder = _folders.File("finished");
                    var reports = new Reports();
                    List<object?[]> rows = tests.Train(folder, reports);
                    _finished = new FinishedTraining(folder, rows, reports, LastState(folder));
                }

                return _finished;
            }
        }

        public void Dispose()
        {
            _model?.Dispose();
            _folders.Dispose();
        }
    }
}
