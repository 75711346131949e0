"""All errors of this package.

    AlembicAsyncTemplateError      also an `alembic.util.CommandError`: the command line prints no traceback
    ├── InitError                  `alembic init` cannot write this environment
    ├── TemplateNotFoundError      `alembic init -t` was given a name that is nearly one
    ├── EnvironmentNotFoundError   there is no env.py, or no script.py.mako
    ├── ConfigNotFoundError
    ├── SettingError               a setting of alembic.ini means nothing
    ├── ApplicationError           the application's modules and models
    │   ├── ApplicationImportError
    │   ├── ApplicationExitError
    │   ├── ModelsNotChosenError
    │   ├── NoTablesError
    │   ├── UnlistedModelsError
    │   ├── SeveralMetadataError
    │   └── DuplicateTableError
    ├── DatabaseAccessError        which database, and how to reach it
    │   ├── NoDatabaseURLError
    │   ├── EngineReferenceError
    │   ├── InvalidURLError
    │   ├── MissingDriverError
    │   ├── GreenletNotInstalledError
    │   ├── MemoryDatabaseError
    │   ├── ConnectionBindError
    │   ├── ConnectionFailedError
    │   ├── DatabaseNotReachableError
    │   ├── DatabaseNotAtHeadError
    │   │   └── UnversionedTablesError
    │   ├── ConcurrentRunError
    │   ├── MigrationLockedError
    │   ├── MigrationLockUnavailableError
    │   ├── MigrationLockLostError
    │   ├── LockTimeoutError
    │   └── ServerSilentError
    ├── RevisionError              the revisions' files, or what is in one
    │   ├── RevisionNotFoundError
    │   ├── SeveralHeadsError
    │   ├── DuplicateRevisionError
    │   ├── AmbiguousDowngradeError
    │   ├── InvalidTargetError
    │   ├── RevisionFailedError
    │   ├── BlockingOperationError  an operation would block a large table
    │   └── BlockingReasonError
    ├── OnlineError                an operation in `op.online()` cannot be carried out
    │   ├── OnlineRefusedError
    │   └── OnlineDefinitionError
    ├── ShadowError                a database on which the revisions can be tried
    │   └── ServerWideStatementError
    ├── ScriptError                what the revisions do, written for psql
    ├── AutogenerateError
    │   ├── ExistingTablesError
    │   ├── ExistingEnumsError
    │   ├── BaselineError
    │   ├── EnumComparisonClashError
    │   ├── EnumDeclarationsDifferError
    │   ├── PluginFailedError
    │   ├── RenameAnswerError
    │   ├── RenameTrialError
    │   └── SQLModelNotInstalledError
    └── EnumOperationError         an enum operation cannot be carried out
        ├── InvalidEnumError
        ├── UnknownEnumError
        ├── UnknownEnumValueError
        ├── EnumExistsError
        ├── EnumValueExistsError
        ├── EnumInUseError
        ├── EnumChangeBlockedError
        ├── EnumValueInUseError
        ├── EnumChangeFailedError
        ├── EnumOfflineError
        ├── UncommittedWorkError
        ├── UncommittedEnumValueError
        ├── EnumCheckError
        └── OperationClashError

Each message says what happened, where, what is committed, how to fix it, and what to type: one labelled line for each. These
parts and the facts in them are attributes.
"""

from .application_errors import (
    ApplicationError,
    ApplicationExitError,
    ApplicationImportError,
    ConfigNotFoundError,
    DuplicateTableError,
    EnvironmentNotFoundError,
    InitError,
    ModelsNotChosenError,
    NoTablesError,
    SettingError,
    SeveralMetadataError,
    TemplateNotFoundError,
    UnlistedModelsError,
)
from .autogenerate_errors import (
    AutogenerateError,
    BaselineError,
    EnumComparisonClashError,
    EnumDeclarationsDifferError,
    ExistingEnumsError,
    ExistingTablesError,
    PluginFailedError,
    RenameAnswerError,
    RenameTrialError,
    SQLModelNotInstalledError,
    UnversionedTablesError,
)
from .base import (
    AlembicAsyncTemplateError,
)
from .database_errors import (
    ConcurrentRunError,
    ConnectionBindError,
    ConnectionFailedError,
    DatabaseAccessError,
    DatabaseNotAtHeadError,
    DatabaseNotReachableError,
    EngineReferenceError,
    GreenletNotInstalledError,
    InvalidURLError,
    LockTimeoutError,
    MemoryDatabaseError,
    MigrationLockedError,
    MigrationLockLostError,
    MigrationLockUnavailableError,
    MissingDriverError,
    NoDatabaseURLError,
    ServerSilentError,
)
from .enum_errors import (
    EnumChangeBlockedError,
    EnumChangeFailedError,
    EnumCheckError,
    EnumExistsError,
    EnumInUseError,
    EnumOfflineError,
    EnumOperationError,
    EnumValueExistsError,
    EnumValueInUseError,
    InvalidEnumError,
    OperationClashError,
    UncommittedEnumValueError,
    UncommittedWorkError,
    UnknownEnumError,
    UnknownEnumValueError,
)
from .failure import Failure
from .online_errors import (
    OnlineDefinitionError,
    OnlineError,
    OnlineRefusedError,
)
from .revision_errors import (
    AmbiguousDowngradeError,
    BlockingOperationError,
    BlockingReasonError,
    DuplicateRevisionError,
    InvalidTargetError,
    RevisionError,
    RevisionFailedError,
    RevisionNotFoundError,
    SeveralHeadsError,
)
from .shadow_errors import (
    ScriptError,
    ServerWideStatementError,
    ShadowError,
)

__all__ = [
    "AlembicAsyncTemplateError",
    "AmbiguousDowngradeError",
    "ApplicationError",
    "ApplicationExitError",
    "ApplicationImportError",
    "AutogenerateError",
    "BaselineError",
    "BlockingOperationError",
    "BlockingReasonError",
    "ConcurrentRunError",
    "ConfigNotFoundError",
    "ConnectionBindError",
    "ConnectionFailedError",
    "DatabaseAccessError",
    "DatabaseNotAtHeadError",
    "DatabaseNotReachableError",
    "DuplicateRevisionError",
    "DuplicateTableError",
    "EngineReferenceError",
    "EnumChangeBlockedError",
    "EnumChangeFailedError",
    "EnumCheckError",
    "EnumComparisonClashError",
    "EnumDeclarationsDifferError",
    "EnumExistsError",
    "EnumInUseError",
    "EnumOfflineError",
    "EnumOperationError",
    "EnumValueExistsError",
    "EnumValueInUseError",
    "EnvironmentNotFoundError",
    "ExistingEnumsError",
    "ExistingTablesError",
    "Failure",
    "GreenletNotInstalledError",
    "InitError",
    "InvalidEnumError",
    "InvalidTargetError",
    "InvalidURLError",
    "LockTimeoutError",
    "MemoryDatabaseError",
    "MigrationLockLostError",
    "MigrationLockUnavailableError",
    "MigrationLockedError",
    "MissingDriverError",
    "ModelsNotChosenError",
    "NoDatabaseURLError",
    "NoTablesError",
    "OnlineDefinitionError",
    "OnlineError",
    "OnlineRefusedError",
    "OperationClashError",
    "PluginFailedError",
    "RenameAnswerError",
    "RenameTrialError",
    "RevisionError",
    "RevisionFailedError",
    "RevisionNotFoundError",
    "SQLModelNotInstalledError",
    "ScriptError",
    "ServerSilentError",
    "ServerWideStatementError",
    "SettingError",
    "SeveralHeadsError",
    "SeveralMetadataError",
    "ShadowError",
    "TemplateNotFoundError",
    "UncommittedEnumValueError",
    "UncommittedWorkError",
    "UnknownEnumError",
    "UnknownEnumValueError",
    "UnlistedModelsError",
    "UnversionedTablesError",
]

for _name in __all__:  # a traceback shows a class as it is imported
    globals()[_name].__module__ = __name__
